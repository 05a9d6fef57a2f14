"""Genes of all formats are the same genes, and their parts are those of ChromHMM's ConvertGeneTable."""

import logging
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.chrom_names import named_like
from epizoo.genome.gene_models import PARTS, is_gene_file, read_genes

CHROMHMM = Path("/usr/share/java/chromhmm.jar")
SIZES = {"chr1": 200_000, "chr2": 150_000}


def transcripts(n=40):
    rng = np.random.default_rng(0)
    for number in range(n):
        chrom = ("chr1", "chr2")[rng.integers(2)]
        start = int(rng.integers(10_000, 100_000))
        starts = np.sort(rng.choice(20_000, 3, replace=False)) + start
        starts[0] = start
        ends = starts + rng.integers(1, 50, 3)
        yield f"t{number}", chrom, "+-"[rng.integers(2)], starts.tolist(), np.maximum.accumulate(ends).tolist()


def as_ref_gene(with_bin=True):
    rows = []
    for name, chrom, strand, starts, ends in transcripts():
        lists = ("".join(f"{place}," for place in places) for places in (starts, ends))
        fields = [
            name,
            chrom,
            strand,
            starts[0],
            ends[-1],
            starts[0],
            ends[-1],
            3,
            *lists,
            0,
            name,
            "cmpl",
            "cmpl",
            "0,",
        ]
        rows.append("\t".join(map(str, [*([585] if with_bin else []), *fields])))
    return "\n".join(["#bin\tname", *rows]) + "\n"


def as_gtf(with_transcripts=True):
    rows = []
    for name, chrom, strand, starts, ends in transcripts():
        attributes = f'gene_id "g{name}"; transcript_id "{name}";'
        places = [("exon", *place) for place in zip(starts, ends, strict=True)]
        if with_transcripts:
            places = [("gene", starts[0], ends[-1]), ("transcript", starts[0], ends[-1]), *places]
        rows += [f"{chrom}\tx\t{kind}\t{a + 1}\t{b}\t.\t{strand}\t.\t{attributes}" for kind, a, b in places]
    return "\n".join(["#!genome-build x", *rows]) + "\n"


def as_gff():
    rows = ["##gff-version 3"]
    for name, chrom, strand, starts, ends in transcripts():
        rows.append(f"{chrom}\tx\tgene\t{starts[0] + 1}\t{ends[-1]}\t.\t{strand}\t.\tID=gene:{name}")
        rows.append(f"{chrom}\tx\tmRNA\t{starts[0] + 1}\t{ends[-1]}\t.\t{strand}\t.\tID={name};Parent=gene:{name}")
        for a, b in zip(starts, ends, strict=True):
            rows.append(f"{chrom}\tx\texon\t{a + 1}\t{b}\t.\t{strand}\t.\tParent={name}")
    return "\n".join([*rows, "##FASTA", ">chr1", "ACGT"]) + "\n"


FORMATS = {
    "refGene": as_ref_gene(),
    "genePred": as_ref_gene(with_bin=False),
    "GTF": as_gtf(),
    "GTF of exons": as_gtf(with_transcripts=False),
    "GFF3": as_gff(),
}


def rows_of(table):
    return sorted(map(tuple, table[["chrom", "start", "end"]].astype(str).to_numpy().tolist()))


@pytest.mark.parametrize("text", FORMATS.values(), ids=FORMATS)
def test_genes_of_all_formats_are_the_same(tmp_path, text):
    (tmp_path / "genes").write_text(text)
    genes = read_genes(tmp_path / "genes")
    wanted = [(chrom, a[0], b[-1], strand) for _, chrom, strand, a, b in transcripts()]
    assert sorted(genes.transcripts.itertuples(index=False, name=None)) == sorted(wanted)
    exons = [place for _, chrom, _, a, b in transcripts() for place in zip([chrom] * 3, a, b, strict=True)]
    assert sorted(genes.exons.itertuples(index=False, name=None)) == sorted(exons)


def test_exons_of_one_name_at_two_places_are_two_transcripts(tmp_path):
    places = [("chrX", 101, 200, "+"), ("chrY", 9_001, 9_100, "+"), ("chrX", 301, 400, "+"), ("chrX", 501, 600, "-")]
    row = '{}\tx\texon\t{}\t{}\t.\t{}\t.\ttranscript_id "t";\n'
    (tmp_path / "genes.gtf").write_text("".join(row.format(*place) for place in places))
    found = read_genes(tmp_path / "genes.gtf").transcripts.itertuples(index=False, name=None)
    assert list(found) == [("chrX", 100, 400, "+"), ("chrY", 9_000, 9_100, "+"), ("chrX", 500, 600, "-")]


@pytest.mark.skipif(not (CHROMHMM.exists() and shutil.which("java")), reason="needs ChromHMM and Java")
def test_parts_are_those_of_chromhmms_convertgenetable(tmp_path):
    (tmp_path / "refGene.txt").write_text(FORMATS["refGene"])
    (tmp_path / "sizes.txt").write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    options = ["-l", "sizes.txt", "-u", "coords", "-v", "anchors", "refGene.txt", "RefSeq", "x"]
    for folder in ("coords", "anchors"):
        (tmp_path / folder).mkdir()
    subprocess.run(
        ["java", "-jar", CHROMHMM, "ConvertGeneTable", *options], cwd=tmp_path, check=True, capture_output=True
    )
    genes = read_genes(tmp_path / "refGene.txt")
    names = dict(zip(PARTS, ("TSS", "TES", "Exon", "Gene", "TSS2kb"), strict=True))
    for part, name in names.items():
        (path,) = (tmp_path / "coords").glob(f"**/RefSeq{name}.x.bed*")
        table = pd.read_csv(path, sep="\t", header=None, names=["chrom", "start", "end"])
        assert set(rows_of(genes.part(part))) == set(rows_of(table)), part
    for part in ("TSS", "TES"):
        (path,) = (tmp_path / "anchors").glob(f"**/RefSeq{part}.x.txt*")
        table = pd.read_csv(path, sep="\t", header=None)
        assert set(map(tuple, table.to_numpy())) == set(map(tuple, genes.anchors(part).to_numpy()))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('chr1\tx\tgene\t1\t9\t.\t+\t.\tgene_id "a"\n', "holds no transcript"),
        ("chr1\tx\texon\t1\t9\t.\t+\t.\ta\nchr1\tx\texon\t9\t1\t.\t+\t.\ta\n", "line 2 .*start first"),
        ("chr1\tx\texon\t1\t9\t.\t+\t.\ta\nchr1\tx\n", "line 2 has 2 .*columns"),
        ("t\tchr1\t+\t1\t9\t1\t9\t1\t1,\t9,8,\n", "line 1 is no gene"),
        ("chr1\t1\t9\n", "none of GTF"),
    ],
)
def test_bad_genes_are_refused(tmp_path, text, sentence):
    (tmp_path / "genes.gtf").write_text(text)
    with pytest.raises(InputError, match=rf"genes\.gtf: .*{sentence}|genes\.gtf: {sentence}"):
        read_genes(tmp_path / "genes.gtf")


def test_bed_is_no_file_of_genes(tmp_path):
    (tmp_path / "a.bed").write_text("chr1\t1\t9\tx\t0\t+\t1\t9\t0,0,0\t1\t8\t0\n")
    assert not is_gene_file(tmp_path / "a.bed")


def test_names_of_ensembl_are_mapped_aloud_where_that_is_safe(caplog):
    table = pd.DataFrame({"chrom": ["1", "X", "MT"]})
    with caplog.at_level(logging.WARNING, "epizoo"):
        assert named_like(table, ["chr1", "chrX", "chrM"], "a", "b")["chrom"].tolist() == ["chr1", "chrX", "MT"]
    assert "a: chromosome 1 is taken for chr1 of b, and so are 1 others." in caplog.messages
    caplog.clear()
    for same in (["1", "chrX"], ["chr1", "X"], ["II"]):
        assert named_like(table, same, "a", "b") is table
    assert not caplog.messages
