"""`epizoo call-peaks`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epizoo.cli.app import SIGNAL_KINDS, Entry, Output, TrackLine, app, option, progress_bar, say
from epizoo.errors import InputError

if TYPE_CHECKING:
    from epizoo.genome.pileup import PileUpConfig, ReadCoverage

READS_HELP = (
    "Reads instead of a bigWig: BAM, BED or tagAlign (single reads), BEDPE or fragments.tsv (fragments), plain or "
    "gzipped. May be given more than once; the files are pooled."
)


@app.command()
def call_peaks(
    entry: Entry,
    output: Output,
    bigwigs: Annotated[
        list[Path] | None, typer.Option("--bigwig", metavar="FILE", help="Signal of the experiment, a bigWig.")
    ] = None,
    reads: Annotated[list[Path] | None, option("FILE", READS_HELP)] = None,
    controls: Annotated[
        list[Path] | None,
        typer.Option("--control", metavar="FILE", help="Signal of the control (input), for a model that takes one."),
    ] = None,
    control_reads: Annotated[list[Path] | None, option("FILE", "The control as reads.")] = None,
    chrom_sizes: Annotated[
        str | None,
        option("ASSEMBLY|FILE", "Chromosome lengths, for reads without them (all but BAM): hg38, or a file."),
    ] = None,
    fragment_length_bp: Annotated[
        int | None, option("BP", "Extend single reads to this length (200; with --atac, 150 around the cut site).")
    ] = None,
    min_mapping_quality: Annotated[int | None, option("NUMBER", "Leave out reads of a lower one (BAM).")] = None,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Keep all reads at one position and strand, not one of them.")
    ] = False,
    atac: Annotated[
        bool, typer.Option("--atac", help="Reads of ATAC-seq: pile up the cut sites (+4 and -5 bp) of both ends.")
    ] = False,
    regions: Annotated[
        Path | None, option("FILE", "Call in these intervals (BED) alone, not in the whole genome.")
    ] = None,
    blacklist: Annotated[
        str | None,
        option("ASSEMBLY|FILE", "Leave out peaks on ENCODE's blacklist of hg19, hg38 or mm10, or a BED file."),
    ] = None,
    signal_kind: Annotated[
        str | None, option("KIND", f"What the bigWig holds: {SIGNAL_KINDS}. Detected where it can be.")
    ] = None,
    control_signal_kind: Annotated[str | None, option("KIND", "The same for the control, where it differs.")] = None,
    known_regions: Annotated[
        Path | None, option("FILE", "For a bigWig of a part of the genome: where no value means no signal (BED).")
    ] = None,
    coverage: Annotated[
        Path | None, option("FILE", "Also write the coverage of --reads, of the whole genome, as this bigWig.")
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="narrowPeak, broadPeak, gappedPeak or bed (six columns); by default as FILE is called.",
        ),
    ] = None,
    summits: Annotated[Path | None, option("FILE", "Also write all summits of all peaks, as this BED file.")] = None,
    probabilities: Annotated[
        Path | None, option("FILE", "Also write the probability of a peak, as this bigWig.")
    ] = None,
    denoised: Annotated[
        Path | None,
        option("FILE", "Also write the denoised coverage, as this bigWig: what is expected at the depth of the input."),
    ] = None,
    enter_probability: Annotated[float | None, option("NUMBER", "A peak must reach this probability.")] = None,
    extend_probability: Annotated[float | None, option("NUMBER", "A peak extends as far as this probability.")] = None,
    min_width_bp: Annotated[int | None, option("BP", "Leave out narrower peaks.")] = None,
    merge_gap_bp: Annotated[int | None, option("BP", "Join peaks with at most this between them.")] = None,
    backend: Annotated[
        str | None, option("NAME", "What computes: jax, onnx or torch. By default the fastest that is installed.")
    ] = None,
    track_line: TrackLine = None,
) -> None:
    """Call peaks in a bigWig, or in reads, and write them as narrowPeak, broadPeak, gappedPeak or BED.

    Thresholds that are not given are the model's own; where its card says that it asks for evidence, probabilities that
    are given replace that. The fifth column of narrowPeak ranks the peaks: it is 1000 times the highest probability
    (calibrated, where the model has a calibration), or, where the model's card says so, grows with the evidence. The
    seventh is the fold over the local background, or over the control where that is higher, and the tenth the distance
    of the highest summit from the start; p and q values are -1, because the model defines none. With a control, peaks
    that do not rise above it are left out. The blocks of gappedPeak are the stretches that --merge-gap-bp joined.
    """
    from epizoo.calling.bed9 import track_line as make_track_line
    from epizoo.calling.peak_files import peak_format
    from epizoo.files import check_outputs
    from epizoo.genome.assemblies import require_blacklist
    from epizoo.genome.bigwig_writer import write_track
    from epizoo.genome.intervals import read_bed
    from epizoo.genome.pileup import PileUpConfig, ReadCoverage
    from epizoo.jobs.peak_bigwigs import require_denoising
    from epizoo.zoo import load_peak_caller
    from epizoo.zoo.windows import check_control

    bigwig, control = _only_one("--bigwig", bigwigs), _only_one("--control", controls)
    _check_sources(bigwig, reads, control, control_reads)
    if coverage is not None and not reads:
        raise InputError("--coverage: given without --reads; a bigWig is coverage already, leave it out")
    settings = (chrom_sizes, fragment_length_bp, min_mapping_quality, keep_duplicates or None, atac or None)
    if not reads and not control_reads and any(setting is not None for setting in settings):
        raise InputError(
            "--chrom-sizes, --fragment-length-bp, --min-mapping-quality, --keep-duplicates, --atac: some given, but "
            "they are about reads; leave them out, or give --reads"
        )
    loaded = load_peak_caller(entry).with_backend(backend)
    given = {
        "enter_probability": enter_probability,
        "extend_probability": extend_probability,
        "min_width_bp": min_width_bp,
        "merge_gap_bp": merge_gap_bp,
    }
    stated: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if enter_probability is not None or extend_probability is not None:
        # The model's evidence would replace the probabilities that were asked for.
        stated |= {"least_evidence": 0, "evident_probability": 0}
    rule = dataclasses.replace(loaded.config.calling, **stated)
    # Before reads are read, which may take minutes.
    kind = peak_format(output, output_format)
    outputs = [path for path in (output, summits, coverage, probabilities, denoised) if path is not None]
    others = [Path(path) for path in (bigwig, control, regions, blacklist, known_regions, chrom_sizes) if path]
    check_outputs(outputs, [*(reads or []), *(control_reads or []), *others])
    if blacklist is not None:
        require_blacklist(blacklist)
    for intervals in (regions, known_regions):
        if intervals is not None:
            read_bed(intervals)
    check_control(loaded, control_reads[0] if control_reads else control)
    if denoised is not None:
        require_denoising(loaded)
    piling = PileUpConfig(fragment_length_bp, keep_duplicates, min_mapping_quality or 0, atac)
    treatment = _pile_up(reads, piling, chrom_sizes) if reads else bigwig
    if coverage is not None and isinstance(treatment, ReadCoverage):
        with progress_bar("Writing coverage") as progress:
            write_track(coverage, treatment, progress)
        say(f"Wrote {coverage}: fragments over each bp.")
    background = _pile_up(control_reads, piling, chrom_sizes) if control_reads else control
    assert treatment is not None
    with progress_bar("Calling peaks") as progress:
        peaks = loaded.call_peaks(
            treatment,
            background,
            regions=regions,
            output=output,
            output_format=kind,
            summits_output=summits,
            probabilities_bigwig=probabilities,
            denoised_bigwig=denoised,
            blacklist=blacklist,
            signal_kind=signal_kind,
            control_signal_kind=control_signal_kind,
            known_regions=known_regions,
            config=rule,
            track=make_track_line(kind, track_line) if track_line else None,
            progress=progress,
        )
    if bigwig is not None and signal_kind is None:
        say(f"Detected in {bigwig}: --signal-kind {peaks.attrs['signal_kind']}.")
    covered = int((peaks["end"] - peaks["start"]).sum())
    say(f"Wrote {output}: {len(peaks):,} peaks over {covered:,} bp, by {loaded.name} {loaded.version}.")
    if summits is not None:
        say(f"Wrote {summits}: {int(peaks['summits'].str.count(',').sum()) + len(peaks):,} summits.")
    if probabilities is not None:
        say(f"Wrote {probabilities}: probability of a peak in bins of {loaded.window.bin_bp} bp.")
    if denoised is not None:
        say(f"Wrote {denoised}: denoised coverage in bins of {loaded.window.bin_bp} bp, in the unit of the input.")


def _only_one(option: str, files: list[Path] | None) -> Path | None:
    if files and len(files) > 1:
        pooling = "--reads" if option == "--bigwig" else "--control-reads"
        raise InputError(
            f"{option}: {', '.join(map(str, files))} given, expected one file; call each by itself, or pool the reads "
            f"of all by {pooling}"
        )
    return files[0] if files else None


def _check_sources(
    bigwig: Path | None, reads: list[Path] | None, control: Path | None, control_reads: list[Path] | None
) -> None:
    if (bigwig is None) == (not reads):
        raise InputError(f"--bigwig, --reads: {'both' if reads else 'neither'} given, expected one of the two")
    if control is not None and control_reads:
        raise InputError("--control, --control-reads: both given, expected at most one of the two")


def _pile_up(paths: list[Path], config: "PileUpConfig", chrom_sizes: str | None) -> "ReadCoverage":
    from epizoo.genome.assemblies import chrom_sizes as sizes_of
    from epizoo.genome.pileup import pile_up

    sizes = sizes_of(chrom_sizes) if chrom_sizes else None
    with progress_bar("Reading reads") as progress:
        coverage = pile_up(paths, config, chrom_sizes=sizes, progress=progress)
    width = f"{config.width_bp} bp {'around each cut site' if config.atac else 'a single read, pairs from end to end'}"
    say(f"Read {', '.join(map(str, paths))}: {coverage.n_fragments:,} fragments piled up, {width}.")
    if coverage.left_out:
        names = ", ".join([*list(coverage.left_out)[:3], *(["…"] if len(coverage.left_out) > 3 else [])])
        say(f"Left out {sum(coverage.left_out.values()):,} reads on chromosomes of unknown length: {names}.")
    return coverage
