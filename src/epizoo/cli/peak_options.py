"""Options of `epizoo call-peaks`, in groups; `epizoo evaluate` shares those that mean the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from epizoo.cli.app import SIGNAL_KINDS, TrackLine, option

BACKEND = "Engine that computes: jax, onnx or torch (default: the fastest that is installed)."
REGIONS = "Only call peaks in these intervals (BED; default: the whole genome)."


@dataclass(frozen=True)
class Source:
    """Signal: a bigWig, or reads."""

    bigwig: Annotated[list[Path] | None, option("FILE", "Signal of the experiment, a bigWig.")] = None
    reads: Annotated[
        list[Path] | None,
        option(
            "FILE",
            "Reads, in place of a bigWig: BAM, SAM, CRAM, BED or tagAlign (single reads), BEDPE or fragments.tsv "
            "(fragments), plain or gzipped. Repeat to pool files.",
        ),
    ] = None
    control: Annotated[
        list[Path] | None, option("FILE", "Signal of the control (input, IgG), a bigWig: peaks have to rise above it.")
    ] = None
    control_reads: Annotated[list[Path] | None, option("FILE", "Reads of the control. Repeat to pool files.")] = None


@dataclass(frozen=True)
class ReadHandling:
    """Handling of reads."""

    chrom_sizes: Annotated[
        str | None,
        option("ASSEMBLY|FILE", "Chromosome lengths, needed for all reads but BAM: hg38, or a file of two columns."),
    ] = None
    fragment_length_bp: Annotated[
        int | None,
        option("BP", "Extend single reads to this length (default: 200; with --atac, 150 around each cut site)."),
    ] = None
    min_mapping_quality: Annotated[
        int | None,
        option(
            "NUMBER",
            "Leave out reads of a lower mapping quality, and pairs if either mate has one (BAM only; default: 0).",
        ),
    ] = None
    keep_duplicates: Annotated[
        str | None,
        option(
            "NUMBER|auto|all",
            "Keep at most so many reads at one position and strand, over all files; auto: as many as chance gives, as "
            "in MACS (default: 1).",
        ),
    ] = None
    pairs: Annotated[
        str | None,
        option(
            "template|as-single",
            "Paired reads: proper pairs from end to end, or one mate of each as a single read, properly paired or not "
            "(default: template).",
        ),
    ] = None
    min_fragment_bp: Annotated[int | None, option("BP", "Leave out shorter pairs and fragments (default: 1).")] = None
    max_fragment_bp: Annotated[int | None, option("BP", "Leave out longer pairs and fragments (default: 2,000).")] = (
        None
    )
    reference: Annotated[
        Path | None, option("FILE", "Reference genome of CRAM reads, FASTA (default: none; positions need none).")
    ] = None
    atac: Annotated[
        bool, typer.Option("--atac", help="Pile up the cut sites of ATAC-seq: both ends, moved by +4 and -5 bp.")
    ] = False


@dataclass(frozen=True)
class SignalKinds:
    """Meaning of the signal."""

    signal_kind: Annotated[
        str | None, option("KIND", f"Kind of signal in the bigWig: {SIGNAL_KINDS} (default: detected where possible).")
    ] = None
    control_signal_kind: Annotated[
        str | None, option("KIND", "Kind of signal in the control (default: that of the bigWig).")
    ] = None
    known_regions: Annotated[
        str | None,
        option("FILE", "Intervals in which no value means no signal (BED), for a bigWig of a part of the genome."),
    ] = None


@dataclass(frozen=True)
class Places:
    """Where to call peaks."""

    regions: Annotated[Path | None, option("FILE", REGIONS)] = None
    blacklist: Annotated[
        str | None,
        option("ASSEMBLY|FILE", "Leave out peaks on ENCODE's blacklist of hg19, hg38 or mm10, or on intervals (BED)."),
    ] = None
    exclude: Annotated[
        list[str] | None,
        option(
            "NAMES",
            "Leave out these sequences, also when the scale of the signal is estimated; comma-separated, or repeat "
            "(default: mitochondria and the Epstein-Barr virus; none: leave out none).",
        ),
    ] = None


@dataclass(frozen=True)
class Rule:
    """Peak rule (default: the model's own, as its card states)."""

    enter_probability: Annotated[float | None, option("NUMBER", "Probability that a peak must reach.")] = None
    extend_probability: Annotated[
        float | None,
        option("NUMBER", "Probability as far as which a peak extends."),
    ] = None
    min_width_bp: Annotated[int | None, option("BP", "Leave out narrower peaks.")] = None
    merge_gap_bp: Annotated[int | None, option("BP", "Join peaks with at most this many bp between them.")] = None
    q_value: Annotated[
        float | None,
        option(
            "NUMBER",
            "Highest q-value of a peak, by the number of its reads against their surroundings or the control; 1 asks "
            "for none.",
        ),
    ] = None
    scale_factor: Annotated[
        float | None, option("NUMBER", "Multiply the signal by this first, such as a spike-in's factor (default: 1).")
    ] = None


@dataclass(frozen=True)
class Outputs:
    """Output."""

    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="File of peaks to write.", show_default=False)
    ]
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="narrowPeak, broadPeak, gappedPeak or bed (six columns); default: by the suffix of FILE.",
            show_default=False,
        ),
    ] = None
    summits: Annotated[Path | None, option("FILE", "Write all summits of all peaks, as BED.")] = None
    probabilities: Annotated[Path | None, option("FILE", "Write the probability of a peak, as bigWig.")] = None
    denoised: Annotated[
        Path | None,
        option("FILE", "Write denoised coverage, as bigWig: expected signal at the depth of the input."),
    ] = None
    coverage: Annotated[Path | None, option("FILE", "Write the coverage of --reads, as bigWig.")] = None
    cutoff_analysis: Annotated[
        Path | None, option("FILE", "Write how many peaks each cut-off of the q-value leaves, as TSV.")
    ] = None
    track_line: TrackLine = None


@dataclass(frozen=True)
class Engine:
    """Computation."""

    backend: Annotated[str | None, option("NAME", BACKEND)] = None
