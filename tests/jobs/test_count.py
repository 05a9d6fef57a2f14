"""Counts in peaks against samtools and plain loops, and the tables that hold them."""

import numpy as np
import pandas as pd
import pyBigWig
import pysam
import pytest
from read_writers import SIZES, random_reads, write_bam, write_bed, write_paired_bam
from typer.testing import CliRunner

import epizoo
from epizoo.calling.peak_reader import read_peaks
from epizoo.cli.all_commands import app
from epizoo.errors import InputError
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.jobs.count_tables import read_counts, write_counts

PEAKS = pd.DataFrame(
    {"chrom": ["chr1", "chr1", "chr2", "chr1"], "start": [100, 9_000, 0, 9_200], "end": [900, 9_150, 7_013, 9_800]}
)


@pytest.fixture
def peaks(tmp_path):
    path = tmp_path / "peaks.bed"
    PEAKS.to_csv(path, sep="\t", header=False, index=False)
    return path


def by_samtools(bam, peaks):
    places = zip(*(peaks[column] for column in ("chrom", "start", "end")), strict=True)
    return [int(pysam.view("-c", str(bam), f"{chrom}:{start + 1}-{end}")) for chrom, start, end in places]


def by_loop(peaks, fragments):
    """Counts of fragments (chrom, start, end) in each peak, and how many lie in any."""
    counts, inside = [0] * len(peaks), 0
    for chrom, start, end in fragments:
        hits = [
            number
            for number, row in enumerate(peaks.itertuples(index=False))
            if row.chrom == chrom and row.start < end and row.end > start
        ]
        for number in hits:
            counts[number] += 1
        inside += bool(hits)
    return counts, inside


def test_single_reads_are_counted_as_samtools_does(tmp_path, peaks):
    reads = sorted(random_reads(1), key=lambda read: (list(SIZES).index(read[0]), read[1]))
    bam = str(write_bam(tmp_path / "reads.bam", reads))
    pysam.index(bam)
    found = epizoo.count(peaks, reads={"a": bam}, fragment_length_bp=50, keep_duplicates="all")
    assert found.table["a"].tolist() == by_samtools(bam, PEAKS)
    n_reads, n_inside = int(pysam.view("-c", bam)), int(pysam.view("-c", "-L", str(peaks), bam))
    assert found.libraries.loc["a", ["reads", "fragments", "in_peaks"]].tolist() == [n_reads, n_reads, n_inside]
    assert found.libraries.loc["a", "frip"] == n_inside / n_reads


def test_files_of_one_sample_are_pooled(tmp_path, peaks):
    first, second, other = (str(write_bam(tmp_path / f"{seed}.bam", random_reads(seed))) for seed in (1, 2, 3))
    words = [f"a={first}", f"b={other}", f"a={second}"]
    output = tmp_path / "counts.tsv"
    done = CliRunner().invoke(app, ["count", "--peaks", str(peaks), "-o", str(output), "--reads", *words])
    assert done.exit_code == 0, done.output
    found = epizoo.count(peaks, reads={"a": [first, second], "b": other}).table
    pd.testing.assert_frame_equal(read_counts(output), found, check_dtype=False)
    assert found["a"].sum() > found["b"].sum() > 0


def test_duplicates_and_extension_are_those_of_a_plain_loop(tmp_path, peaks):
    reads = random_reads(2)
    sizes = tmp_path / "sizes"
    sizes.write_text("".join(f"{chrom}\t{size}\n" for chrom, size in SIZES.items()))
    found = epizoo.count(peaks, reads={"a": write_bed(tmp_path / "a.bed", reads)}, chrom_sizes=sizes)
    distinct = {(chrom, end if strand == "-" else start, strand) for chrom, start, end, strand in reads}
    fragments = [
        (chrom, place - 200, place) if strand == "-" else (chrom, place, place + 200)
        for chrom, place, strand in distinct
    ]
    counts, inside = by_loop(PEAKS, fragments)
    assert found.table["a"].tolist() == counts
    row = found.libraries.loc["a"]
    assert (row["reads"], row["duplicates"]) == (len(reads), len(reads) - len(distinct))
    assert row["duplicates_share"] == pytest.approx(1 - len(distinct) / len(reads))
    assert (row["in_peaks"], row["fragments"]) == (inside, len(distinct))


def test_marked_duplicates_are_duplicates_of_reads_and_of_pairs(tmp_path, peaks):
    reads = random_reads(5, n=200)
    marked = write_bam(tmp_path / "marked.bam", reads, flags=0x400, mark=range(40))
    distinct = {(chrom, end if strand == "-" else start, strand) for chrom, start, end, strand in reads[40:]}
    pairs = [("chr1", start, start + 300, True) for start in range(0, 5_000, 50)]
    both = write_paired_bam(tmp_path / "pairs.bam", pairs)
    with pysam.AlignmentFile(both) as old, pysam.AlignmentFile(tmp_path / "both.bam", "wb", template=old) as new:
        for read in old.fetch(until_eof=True):
            read.is_duplicate = int(read.query_name[1:]) < 25
            new.write(read)
    found = epizoo.count(peaks, reads={"single": marked, "paired": tmp_path / "both.bam"}).libraries
    figures = found[["reads", "duplicates", "fragments", "left_out"]].to_numpy().tolist()
    assert figures == [[len(reads), len(reads) - len(distinct), len(distinct), 0], [100, 25, 75, 0]]


def test_pairs_count_from_end_to_end_and_cut_sites_by_themselves(tmp_path, peaks):
    random = np.random.default_rng(3)
    starts = random.integers(0, 20_000, 400)
    pairs = [("chr1", int(start), int(start + random.integers(60, 900)), True) for start in starts]
    bam = write_paired_bam(tmp_path / "pairs.bam", pairs)
    whole = epizoo.count(peaks, reads={"a": bam}, keep_duplicates="all").table["a"]
    assert whole.tolist() == by_loop(PEAKS, [pair[:3] for pair in pairs])[0]
    sites = [(chrom, site, site + 1) for chrom, start, end, _ in pairs for site in (start + 4, end - 5)]
    cuts = epizoo.count(peaks, reads={"a": bam}, keep_duplicates="all", atac=True)
    assert cuts.table["a"].tolist() == by_loop(PEAKS, sites)[0]
    assert cuts.libraries.loc["a", "fragments"] == 2 * len(pairs)


def test_a_bigwig_of_whole_reads_counts_their_area(tmp_path):
    random = np.random.default_rng(4)
    reads = [("chr1", int(start), int(start) + 50, "+") for start in random.integers(0, 29_000, 400)]
    coverage = pile_up(
        write_bed(tmp_path / "a.bed", reads), PileUpConfig(50, keep_duplicates="all"), chrom_sizes={"chr1": 30_000}
    )
    path = tmp_path / "a.bw"
    with pyBigWig.open(str(path), "w") as file:
        file.addHeader([("chr1", 30_000)])
        values = coverage.values("chr1", 0, 30_000).astype(float)
        steps = np.flatnonzero(np.diff(values, prepend=-1, append=-1))
        file.addEntries(
            ["chr1"] * (len(steps) - 1), steps[:-1].tolist(), steps[1:].tolist(), values[steps[:-1]].tolist()
        )
    wide = pd.DataFrame({"chrom": ["chr1", "chr1"], "start": [0, 3_000], "end": [30_000, 9_000]})
    found = epizoo.count(wide, bigwigs={"a": path})
    area = [
        sum(max(min(end, high) - max(start, low), 0) for _, start, end, _ in reads)
        for low, high in ((0, 30_000), (3_000, 9_000))
    ]
    # The area of a read is told by the steps of the signal, where a start at the end of another read hides both.
    assert found.table["a"].to_numpy() == pytest.approx(np.array(area) / 50, rel=0.03)
    assert found.libraries.loc["a", "frip"] == 1
    smooth = tmp_path / "smooth.bw"
    with pyBigWig.open(str(smooth), "w") as file:
        file.addHeader([("chr1", 30_000)])
        means = values.reshape(-1, 100).mean(axis=1)
        file.addEntries("chr1", 0, values=means.tolist(), span=100, step=100)
    with pytest.raises(InputError, match="--signal-kind"):
        epizoo.count(wide, bigwigs={"a": smooth})


@pytest.mark.parametrize(
    ("names", "expected"),
    [(["p1", "p2"], ["p1", "p2"]), (["p", "p"], None), (["p1", "."], None), (["p1", "\x1b[31m"], None)],
)
def test_peaks_are_named_as_in_their_file_where_each_has_a_name_of_its_own(tmp_path, names, expected):
    rows = zip((100, 900), (400, 1_000), names, strict=True)
    path = tmp_path / "peaks.bed"
    path.write_text("".join(f"chr1\t{start}\t{end}\t{name}\n" for start, end, name in rows))
    found = epizoo.count(path, reads={"a": write_bam(tmp_path / "a.bam", random_reads(0))})
    assert found.table["name"].tolist() == (expected or ["chr1:101-400", "chr1:901-1000"])


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".parquet", ".h5ad"])
def test_tables_hold_what_was_counted(tmp_path, peaks, suffix):
    files = {name: write_bam(tmp_path / f"{name}.bam", random_reads(seed)) for seed, name in enumerate("ab")}
    output, figures = tmp_path / f"counts{suffix}", tmp_path / "libraries.tsv"
    found = epizoo.count(peaks, reads=files, output=output, libraries=figures)
    read = read_counts(output)
    assert read.columns.tolist() == found.table.columns.tolist()
    assert (read.to_numpy() == found.table.to_numpy()).all()
    assert pd.read_csv(figures, sep="\t", index_col="sample")["frip"].to_numpy() == pytest.approx(
        found.libraries["frip"].to_numpy(), rel=1e-5
    )
    if suffix == ".h5ad":
        import anndata

        data = anndata.read_h5ad(output)
        assert data.shape == (2, len(PEAKS))
        assert data.obs["fragments"].tolist() == found.libraries["fragments"].tolist()


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".parquet", ".h5ad"])
@pytest.mark.parametrize("chroms", [["chr1", "chr2", "chr10"], ["1", "2", "10"], ["GRCh38#0#chr1", "NA", "#"]])
def test_names_of_chromosomes_and_samples_come_back_as_they_are(tmp_path, suffix, chroms):
    # chr10 comes before chr2 as text and after it for AnnData, which orders categories; pan-genomes have # in names.
    places = pd.DataFrame({"chrom": np.repeat(chroms, 2), "start": [0, 100] * 3, "end": [50, 150] * 3})
    places["name"] = [f"{row.chrom}:{row.start}" for row in places.itertuples()]
    samples = ["t#1", "1", "NA"]
    table = places.join(pd.DataFrame(np.arange(18).reshape(6, 3), columns=samples))
    output = tmp_path / f"counts{suffix}"
    write_counts(output, table, pd.DataFrame({"reads": [1, 2, 3]}, index=samples))
    pd.testing.assert_frame_equal(read_counts(output), table, check_index_type=False, check_column_type=False)
    if suffix == ".h5ad":
        import anndata

        data = anndata.read_h5ad(output)
        assert data.var["chrom"].tolist() == table["chrom"].tolist()
        assert data.obs_names.tolist() == samples
        assert (data.X == table[samples].to_numpy().T).all()


def test_comments_before_a_table_of_counts_are_skipped(tmp_path):
    (tmp_path / "counts.tsv").write_text("# made by hand\n# twice\nchrom\tstart\tend\tname\ta\nchr1\t1\t2\tp\t3\n")
    assert read_counts(tmp_path / "counts.tsv").to_numpy().tolist() == [["chr1", 1, 2, "p", 3]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reads": {}}, "neither given"),
        ({"bigwigs": {"b": "b.bw"}}, "both given"),
        ({"output": "counts.csv"}, r"\.csv is not the suffix.*\.tsv.*\.h5ad"),
        ({"reads": {"chrom": "a.bam"}}, "name of a column"),
    ],
)
def test_what_cannot_be_counted_is_refused(tmp_path, peaks, change, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_bam(tmp_path / "a.bam", random_reads(1))
    with pytest.raises(InputError, match=message):
        epizoo.count(peaks, **({"reads": {"a": "a.bam"}} | change))


def test_peaks_of_another_assembly_are_refused(tmp_path):
    bam = write_bam(tmp_path / "a.bam", random_reads(1))
    for chrom, end in (("chr1", 30_001), ("1", 100)):
        table = pd.DataFrame({"chrom": [chrom], "start": [0], "end": [end]})
        with pytest.raises(InputError, match=r"same assembly|is called"):
            epizoo.count(table, reads={"a": bam})
    assert not list(tmp_path.glob("*.tsv"))


@pytest.mark.data
def test_public_replicates_are_counted_as_samtools_does(data_dir):
    folder = data_dir / "peaks/replicates/cssq"
    bams = {path.stem: path for path in sorted(folder.glob("*_IP_*.bam"))}
    promoters = read_peaks(folder / "promoters_chr19.bed")
    found = epizoo.count(promoters, reads=bams, fragment_length_bp=36, keep_duplicates="all").table
    for name, bam in bams.items():
        assert found[name].tolist() == by_samtools(bam, promoters)


def test_libraries_have_the_groups_that_are_given(tmp_path, peaks):
    import anndata

    bams = {name: write_bam(tmp_path / f"{name}.bam", random_reads(seed)) for seed, name in enumerate("ab")}
    (tmp_path / "samples.tsv").write_text("group\tsample\n1\tb\nNA\ta\nx\tc\n")
    reads = ["--reads", *(f"{name}={path}" for name, path in bams.items())]
    for groups, expected in ((["a=x", "b=y"], ["x", "y"]), ([str(tmp_path / "samples.tsv")], ["NA", "1"])):
        output, libraries = tmp_path / "counts.h5ad", tmp_path / "libraries.tsv"
        words = ["count", "--peaks", str(peaks), *reads, "--groups", *groups, "-o", str(output)]
        done = CliRunner().invoke(app, [*words, "--libraries", str(libraries)])
        assert done.exit_code == 0, done.output
        assert anndata.read_h5ad(output).obs["group"].tolist() == expected
        assert pd.read_csv(libraries, sep="\t", dtype=str, keep_default_na=False)["group"].tolist() == expected


@pytest.mark.parametrize(
    ("groups", "output", "message"),
    [
        ({"a": "x"}, "counts.tsv", r"--groups: given, but .*counts\.tsv holds no groups"),
        ({"b": "x"}, "counts.h5ad", "no group is stated for the sample a"),
        ("reads.bam", "counts.h5ad", r"reads\.bam"),
    ],
)
def test_groups_that_are_lost_or_missing_are_refused(tmp_path, peaks, groups, output, message):
    bam = write_bam(tmp_path / "reads.bam", random_reads(1))
    given = tmp_path / groups if isinstance(groups, str) else groups
    with pytest.raises(InputError, match=message):
        epizoo.count(peaks, reads={"a": bam}, groups=given, output=tmp_path / output)
    assert not (tmp_path / output).exists()
