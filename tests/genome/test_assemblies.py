"""Blacklists and chromosome lengths by name belong to the assembly of the signal, or are refused."""

import numpy as np
import pandas as pd
import pytest

from epizoo.errors import InputError
from epizoo.genome.assemblies import BLACKLISTS, check_blacklist_fits, chrom_sizes, fitting_blacklist, read_blacklist


# Intervals and bp as counted in the files of github.com/Boyle-Lab/Blacklist, lists/*-blacklist.v2.bed.gz.
@pytest.mark.parametrize(
    ("name", "n_intervals", "bp"), [("hg19", 834, 274_970_000), ("hg38", 636, 227_162_400), ("mm10", 3435, 238_977_200)]
)
def test_blacklists_are_those_of_encode(name, n_intervals, bp):
    table = read_blacklist(name, chrom_sizes(name), "x.bw")
    assert len(table) == n_intervals
    assert int((table["end"] - table["start"]).sum()) == bp
    check_blacklist_fits(table, chrom_sizes(name), name, "x.bw")
    by_chrom = table.groupby("chrom")
    assert all((rows["start"].to_numpy()[1:] >= rows["end"].to_numpy()[:-1]).all() for _, rows in by_chrom)


def test_a_blacklist_takes_the_names_of_the_signal():
    sizes = {chrom.removeprefix("chr"): size for chrom, size in chrom_sizes("hg38").items()} | {"KI270728.1": 1_872_759}
    for name in ("GRCh38", "grch38", "HG38"):
        table = read_blacklist(name, sizes, "x.bw")
        assert set(table["chrom"]) <= set(sizes)
        assert len(table) == 636


@pytest.mark.parametrize("name", BLACKLISTS)
@pytest.mark.parametrize("other", BLACKLISTS)
def test_a_signal_of_another_assembly_is_refused_and_told_which_one_fits(name, other):
    sizes = {"chr7": chrom_sizes(other)["chr7"]}
    if name == other:
        assert set(read_blacklist(name, sizes, "x.bw")["chrom"]) == {"chr7"}
        return
    with pytest.raises(InputError, match=rf" bp .*\b{name}\b.* bp .*x\.bw.*\bfits {other}\b"):
        read_blacklist(name, sizes, "x.bw")


def test_unknown_names_and_assemblies_are_refused(tmp_path):
    with pytest.raises(InputError, match="hg19, hg38, mm10"):
        read_blacklist("hg18", {"chr1": 10}, "x.bw")
    with pytest.raises(InputError, match=r"\bhg19\b.*\bI\b"):
        read_blacklist("hg19", {"I": 10}, "x.bw")
    with pytest.raises(InputError, match="BED file"):
        read_blacklist("hg19", {"chr1": 10}, "x.bw")
    with pytest.raises(InputError, match="known assembly"):
        chrom_sizes("hg37")
    (tmp_path / "x.bed").write_text("chr1\t5\t20\n")
    with pytest.raises(InputError, match=r"x\.bed: .*chr1:5-20 .*past the end.*x\.bw"):
        read_blacklist(tmp_path / "x.bed", {"chr1": 19}, "x.bw")
    assert len(read_blacklist(tmp_path / "x.bed", {"chr1": 20}, "x.bw")) == 1


def test_chromosome_lengths_come_from_a_file_or_an_assembly(tmp_path):
    (tmp_path / "sizes").write_text("chrA\t500\nchrB\t70\n")
    assert chrom_sizes(tmp_path / "sizes") == {"chrA": 500, "chrB": 70}
    assert chrom_sizes("mm10")["chr19"] == 61_431_566


def test_a_table_of_intervals_may_name_unknown_chromosomes():
    table = pd.DataFrame({"chrom": ["chr1", "chrUn"], "start": np.array([0, 0]), "end": np.array([10, 99])})
    check_blacklist_fits(table, {"chr1": 10}, "the blacklist", "x.bw")


def test_names_that_bioframe_splits_are_known_or_refused():
    assert chrom_sizes("T2T-CHM13v2.0") == chrom_sizes("hs1")
    for name in ("0", "v2.0", "hg38.1"):
        with pytest.raises(InputError, match="neither a file of chromosome lengths nor a known assembly"):
            chrom_sizes(name)


def test_an_assembly_is_named_only_where_all_of_its_chromosomes_fit():
    # As in a BAM of which all chromosomes have the length of the first.
    odd = {"chr1": 249_250_621, "chr2": 249_250_621}
    with pytest.raises(InputError, match=r"chr1 is .* in hg38.* give a BED file of its own assembly"):
        read_blacklist("hg38", odd, "odd.bam")
    with pytest.raises(InputError, match="it fits hg19: name that"):
        read_blacklist("hg38", {"chr1": 249_250_621, "chrM": 5}, "right.bam")


@pytest.mark.parametrize("name", BLACKLISTS)
def test_the_blacklist_that_fits_is_known_by_two_chromosomes(name):
    sizes = chrom_sizes(name)
    assert fitting_blacklist(sizes)[0] == name
    assert fitting_blacklist({"1": sizes["chr1"]})[0] == name
    assert fitting_blacklist({"chr1": sizes["chr1"], "chr2": sizes["chr1"]}) is None
