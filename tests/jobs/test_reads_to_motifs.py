"""From real reads to peaks: summits of CTCF lie at CTCF's motif."""

import pytest

import epizoo
from epizoo.calling.peak_files import write_peaks
from epizoo.genome.intervals import read_bed
from epizoo.genome.reads.pile_up_config import PileUpConfig
from epizoo.genome.reads.pileup import pile_up
from epizoo.metrics.caller_evaluation import Truth, caller_of_files, evaluate_callers

SIZES = {"chr22": 51_304_566}


@pytest.mark.data
@pytest.mark.parametrize("name", ["SE_ChIP_chr22_50k.bed.gz", "PE_ChIP_chr22_50k.bedpe.gz"])
def test_half_of_the_surest_summits_lie_at_a_motif(data_dir, tmp_path, name):
    folder = data_dir / "peaks" / "ctcf_chr22"
    coverage = pile_up(folder / f"CTCF_{name}", PileUpConfig(), chrom_sizes=SIZES)
    peaks = epizoo.load("peak_caller/h3k4me3").call_peaks(coverage)
    write_peaks(tmp_path / "x.narrowPeak", peaks)
    truth = Truth(sites=read_bed(folder / "CTCF_motif.hg19.chr22.bed"), n_peaks=600)
    found = evaluate_callers([caller_of_files("ours", tmp_path / "x.narrowPeak")], truth)
    found = found.figures["callers"]["ours"]["sites"]
    # MACS3 with a control reaches 51.9% and 53.1% with its 725 and 715; this entry is for another mark and has none.
    # Chance is 0.5%.
    assert found["peaks"] == 600
    assert found["share_of_summits"] > 0.48
