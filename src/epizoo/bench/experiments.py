"""The experiments of the benchmark, each declared once: files, assay, how peaks are called, and what they are held to.

All paths are relative to the folder of the data. The samples of the human labels are listed in a table of their own,
``peaks/histone_labels/windows.tsv``.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from epizoo.errors import InputError

Assay = Literal["narrow", "broad", "point", "accessible"]
"""Narrow and broad histone marks, transcription factors, and ATAC-seq."""
ASSAYS: tuple[str, ...] = ("narrow", "broad", "point", "accessible")
Truth = Literal["labels", "tss", "controls", "replicates", "depth", "function"]
TRUTHS: dict[str, str] = {
    "labels": "Human labels",
    "tss": "Constitutive TSS",
    "controls": "Negative controls, and IPs beside them",
    "replicates": "Replicates",
    "depth": "ATAC-seq: deep sequencing, TSS of yeast",
    "function": "States: TSS in use, CRISPRi elements",
}
HISTONES = "peaks/histone_labels"
TSS_OF_CELLS = "truth/rampage_tss/tss_hg19.tsv.gz"
MUSCLE = "skeletalMuscleMD"
CRISPRI = "truth/crispri_k562/elements_hg19.tsv.gz"
CONSTITUTIVE_TSS = "truth/constitutive_tss/tss_in_histone_windows_hg19.tsv"
NEARBY_TSS = "truth/constitutive_tss/all_tss_near_histone_windows_hg19.tsv"


class Stretch(NamedTuple):
    """A part of a chromosome, 0-based and half-open."""

    chrom: str
    start: int
    end: int


@dataclass(frozen=True)
class Experiment:
    """One file of signal or reads in which peaks are called.

    Attributes:
        name: what its file is called in a folder of somebody's peaks: ``NAME.narrowPeak``.
        data: what rows of results are called; replicates of one experiment share it.
        truths: what its peaks are held to.
        assay: what kind of peaks it has.
        treatment: a bigWig of coverage, or reads.
        control: reads of the control, if callers are to use one.
        genome: chromosome lengths for reads without them: an assembly, or a file of the data.
        regions: where peaks are called; everywhere where empty.
        is_window: whether signal is known within the regions alone, so that a missing value means 0 there.
        span: where reads can lie, for controls.
        covered_bp: bp that reads can lie on, MACS3's ``-g``.
        cut_sites: whether cut sites are piled up, or fragments.
        macs3_format: format of the reads in MACS3's words; None where it has no such way of calling.
        is_negative: whether no peak is right.
        true_peaks: BED file of all true peaks in the regions.
        tss: TSS near which summits should lie: BED, or RAMPAGE's table.
        motif: sequence near which summits should lie, and the FASTA file of the genome.
        left_out: chromosomes whose peaks do not count.
    """

    name: str
    data: str
    truths: tuple[Truth, ...]
    assay: Assay
    treatment: str
    control: str | None = None
    genome: str | None = None
    regions: tuple[Stretch, ...] = ()
    is_window: bool = False
    span: tuple[Stretch, ...] = ()
    covered_bp: int = 0
    cut_sites: bool = False
    macs3_format: str | None = "BAM"
    is_negative: bool = False
    true_peaks: str | None = None
    tss: str | None = None
    motif: tuple[str, str] | None = None
    left_out: tuple[str, ...] = field(default=())

    @property
    def family(self) -> str:
        """Name shared by experiments that differ only in how peaks are called: `data` up to a comma."""
        return self.data.partition(",")[0]

    @property
    def is_coverage(self) -> bool:
        """True if the treatment is a bigWig."""
        return self.treatment.endswith(".bw")


_K562 = (Stretch("chr1", 22_500_000, 25_000_000),)
_CHR_Y = (Stretch("chrY", 2_709_521, 57_442_656),)
_FLY = (Stretch("chr2L", 0, 1_000_000), Stretch("chr2R", 0, 1_000_000))
_MOTIF = ("GAGAGAG", "peaks/replicates/lcdb_gaf/dm6.small.fa.gz")


def _normr(mark: str, is_negative: bool) -> Experiment:
    file = f"peaks/controls/normr_k562/K562_{mark}.bam"
    assay: Assay = "broad" if mark == "H3K36me3" else "narrow"
    return Experiment(
        f"normr_{mark}",
        f"K562 {mark}",
        ("controls",),
        assay,
        file,
        span=_K562,
        covered_bp=2_500_000,
        macs3_format="BAMPE",
        is_negative=is_negative,
        tss=TSS_OF_CELLS,
    )


def _triform(kind: str, title: str, number: int) -> Experiment:
    return Experiment(
        f"triform_{kind}_{number}",
        f"chrY of a female, {title} {number}",
        ("controls",),
        "point",
        f"peaks/controls/triform_chrY/{kind}_huds_Gm12878_rep{number}.bed.gz",
        genome="states/sample_hg18/hg18.chromsizes.txt",
        span=_CHR_Y,
        covered_bp=25_600_000,
        macs3_format="BED",
        is_negative=True,
    )


def _fly_input(number: int) -> Experiment:
    file = f"peaks/controls/lcdb_input/input_{number}.bam"
    name, title = f"lcdb_input_{number}", f"fly input {number}"
    return Experiment(name, title, ("controls",), "point", file, span=_FLY, covered_bp=2_000_000, is_negative=True)


def _atac(number: int, cut_sites: bool) -> Experiment:
    return Experiment(
        f"atacseqqc_GL{number}" + ("_cuts" if cut_sites else ""),
        "ATAC-seq GL2-4" + (", cut sites" if cut_sites else ""),
        ("replicates",),
        "accessible",
        f"peaks/replicates/atacseqqc_gl/GL{number}.bam",
        covered_bp=434_449,
        cut_sites=cut_sites,
        macs3_format=None if cut_sites else "BAMPE",
    )


def _gaf(tissue: str, ip: int, control: int | None) -> Experiment:
    return Experiment(
        f"lcdb_gaf_ip_{ip}" + ("" if control is None else "_with_input"),
        f"GAF {tissue}" + ("" if control is None else ", with input"),
        ("replicates",),
        "point",
        f"peaks/replicates/lcdb_gaf/ip_{ip}.bam",
        control=None if control is None else f"peaks/controls/lcdb_input/input_{control}.bam",
        covered_bp=2_000_000,
        motif=_MOTIF,
    )


def _cssq(cell: str, title: str, number: int) -> Experiment:
    file = f"peaks/replicates/cssq/{cell}_IP_R{number}.bam"
    return Experiment(f"cssq_{cell}_{number}", f"H3K4me3 {title}", ("replicates",), "narrow", file, covered_bp=171_600)


def _yeast(cut_sites: bool) -> Experiment:
    return Experiment(
        "atac_yeast" + ("_cuts" if cut_sites else ""),
        "yeast" + (", cut sites" if cut_sites else ""),
        ("depth",),
        "accessible",
        "peaks/atac_yeast/yeast_500k_SRR1822137.bedpe.gz",
        genome="peaks/atac_yeast/sacCer3.chromsizes.txt",
        covered_bp=12_100_000,
        cut_sites=cut_sites,
        macs3_format=None if cut_sites else "BEDPE",
        tss="peaks/atac_yeast/tss_sacCer3.bed.gz",
        left_out=("chrM",),
    )


EXPERIMENTS: tuple[Experiment, ...] = (
    _normr("Input", is_negative=True),
    *(_triform("backgr", "background", number) for number in (1, 2)),
    *(_triform("srf", "SRF", number) for number in (1, 2)),
    *map(_fly_input, (1, 2, 3)),
    _normr("H3K4me3", is_negative=False),
    _normr("H3K36me3", is_negative=False),
    *(_atac(number, cut_sites) for cut_sites in (False, True) for number in (2, 3, 4)),
    _gaf("wing", 1, None),
    _gaf("wing", 2, None),
    _gaf("wing", 1, 1),
    _gaf("wing", 2, 2),
    _gaf("embryo", 3, None),
    _gaf("embryo", 4, None),
    _gaf("embryo", 3, 3),
    _gaf("embryo", 4, 3),
    *(_cssq("HESC", "H1", number) for number in (1, 2)),
    *(_cssq("HSMM", "HSMM", number) for number in (1, 2)),
    Experiment(
        "atac_hsc_5M",
        "HSC, 5 million reads",
        ("depth",),
        "accessible",
        "peaks/atac_hsc/HSC.5M.chr1_10mb.coverage.bw",
        regions=(Stretch("chr1", 0, 10_000_000),),
        covered_bp=10_000_000,
        true_peaks="peaks/atac_hsc/HSC.80M.chr1_10mb.peaks.bed",
    ),
    _yeast(cut_sites=False),
    _yeast(cut_sites=True),
)


def experiments(data: Path, truths: tuple[str, ...]) -> list[Experiment]:
    """The experiments that these truths need.

    Raises:
        InputError: a truth is unknown, or a file of the data is missing.
    """
    unknown = [truth for truth in truths if truth not in TRUTHS]
    if unknown:
        raise InputError(f"--truth: {unknown[0]!r} is unknown; expected one of {', '.join(TRUTHS)}")
    wanted = set(truths)
    found = _histone_samples(data, wanted) if wanted & {"labels", "tss"} else []
    found = [one for one in (*found, *EXPERIMENTS) if wanted & set(one.truths)]
    for one in found:
        for path in (one.treatment, one.control, one.true_peaks, one.tss, one.motif and one.motif[1]):
            if path and not (data / path).is_file():
                raise InputError(f"{data / path}: no such file; --data names the folder of the public data")
    return found


def _histone_samples(data: Path, truths: set[str]) -> list[Experiment]:
    """A sample of the human labels each: all of its windows with labels, and those with constitutive TSS.

    Labels are of windows outside which nothing is known. For TSS the whole file sets the scale, as a user's file does.
    """
    table = read_table(data / HISTONES / "windows.tsv")
    due = read_table(data / CONSTITUTIVE_TSS)
    found = [_sample(rows, "labels", "") for rows in _samples(table[table["n_labels"] > 0])]
    found += [_sample(rows, "tss", "tss.") for rows in _samples(table[table["window"].isin(due["window"])])]
    return [one for one in found if truths & set(one.truths)]


def _samples(table: pd.DataFrame) -> list[pd.DataFrame]:
    return [rows for _, rows in table.groupby("bw", sort=True)]


def _sample(rows: pd.DataFrame, truth: Truth, prefix: str) -> Experiment:
    mark, cell, file = (str(rows[column].iloc[0]) for column in ("mark", "celltype", "bw"))
    return Experiment(
        prefix + Path(file).stem,
        f"{mark}, muscle" if cell == MUSCLE else mark,
        (truth,),
        "broad" if mark == "H3K36me3" else "narrow",
        f"{HISTONES}/{file}",
        regions=tuple(map(Stretch, rows["chrom"], rows["start"], rows["end"])),
        is_window=truth == "labels",
    )


def read_table(path: Path) -> pd.DataFrame:
    """A table of the data, tab-separated with a header.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; --data names the folder of the public data")
    return pd.read_csv(path, sep="\t")
