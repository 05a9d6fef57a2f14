"""Small files of reads that tests write."""

import gzip

import numpy as np
import pysam

SIZES = {"chr1": 30_000, "chr2": 7_013, "chr3": 500}


def random_reads(seed, n=3000, length=50):
    """(chrom, start, end, strand), many of them at the same place, some near both ends of their chromosome."""
    rng = np.random.default_rng(seed)
    reads = []
    for _ in range(n):
        chrom = str(rng.choice(["chr1", "chr2"]))
        start = int(rng.integers(0, SIZES[chrom] - length) // 7 * 7)
        reads.append((chrom, start, start + length, str(rng.choice(["+", "-"]))))
    return [*reads, ("chr2", 0, length, "-"), ("chr2", SIZES["chr2"] - length, SIZES["chr2"], "+")]


def write_bed(path, reads):
    text = "".join(f"{chrom}\t{start}\t{end}\tread\t7\t{strand}\n" for chrom, start, end, strand in reads)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_bam(path, reads, flags=0, quality=30, mark=()):
    """Single reads; those numbered in `mark` get further flags."""
    header = {"HD": {"VN": "1.6"}, "SQ": [{"SN": chrom, "LN": size} for chrom, size in SIZES.items()]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number, (chrom, start, end, strand) in enumerate(reads):
            read = pysam.AlignedSegment(file.header)
            read.query_name, read.reference_id = f"r{number}", list(SIZES).index(chrom)
            read.reference_start, read.cigartuples = start, [(0, end - start)]
            read.query_sequence = "A" * (end - start)
            read.flag = (16 if strand == "-" else 0) | (flags if number in mark else 0)
            read.mapping_quality = quality if number in mark else 60
            file.write(read)
    return path


def write_paired_bam(path, pairs, length=40):
    header = {"SQ": [{"SN": chrom, "LN": size} for chrom, size in SIZES.items()]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as file:
        for number, (chrom, start, end, proper) in enumerate(pairs):
            for is_second, place in ((False, start), (True, end - length)):
                read = pysam.AlignedSegment(file.header)
                read.query_name, read.reference_id = f"p{number}", list(SIZES).index(chrom)
                read.next_reference_id = read.reference_id
                read.reference_start, read.next_reference_start = place, end - length if not is_second else start
                read.cigartuples, read.query_sequence = [(0, length)], "C" * length
                read.template_length = (end - start) * (-1 if is_second else 1)
                read.flag = 1 | (2 if proper else 0) | (16 | 128 if is_second else 32 | 64)
                read.mapping_quality = 60
                file.write(read)
    return path


def write_text(path, text):
    path.write_text(text)
    return path
