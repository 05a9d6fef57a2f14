"""`epizoo call-peaks`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from epizoo.cli.app import Entry, app, progress_bar, say, wrote
from epizoo.cli.file_roles import BIGWIG, INPUT, OUTPUT
from epizoo.cli.option_groups import options_of, parameters_of
from epizoo.cli.reporting import command_line
from epizoo.cli.streams import as_called, piped
from epizoo.errors import InputError
from epizoo.files import check_outputs, scratch_folder
from epizoo.validation import stated
from epizoo.wording import counted

PeaksFile = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="File of peaks to write (-: standard output).",
        show_default=False,
        rich_help_panel="Output",
    ),
    OUTPUT,
]


BarcodesFile = Annotated[
    Path | None,
    typer.Option(
        "--barcodes",
        metavar="FILE",
        help="Cluster of each barcode in --reads, fragments of single cells, as two tab-separated columns: peaks are "
        "called for each cluster, and --output is a folder.",
        show_default=False,
        rich_help_panel="Signal: a bigWig, or reads",
    ),
    INPUT,
]

ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Also write a report (HTML) with figures, example loci and settings; see `epizoo report`. The coverage of "
        "reads is shown, and kept only with --coverage.",
        show_default=False,
        rich_help_panel="Output",
    ),
    OUTPUT,
]


@app.command()
@options_of(
    "epizoo.jobs.call_peaks.call_peaks",
    {
        "Signal: a bigWig, or reads": "bigwig reads replicates control control_reads",
        "Handling of reads": "chrom_sizes fragment_length_bp min_mapping_quality keep_duplicates pairs "
        "min_fragment_bp max_fragment_bp reference atac",
        "Meaning of the signal": "signal_kind control_signal_kind known_regions",
        "Regions": "regions blacklist exclude",
        "Peak rule (default: the model's own, as its card states)": "enter_probability extend_probability min_width_bp "
        "merge_gap_bp q_value scale_factor",
        "Output": "output output_format summits probabilities denoised coverage cutoff_analysis "
        "replicate_table track_line",
        "Computation": "backend",
    },
    files={
        **dict.fromkeys(("summits", "cutoff_analysis", "replicate_table"), OUTPUT),
        **dict.fromkeys(("probabilities", "denoised", "coverage"), BIGWIG),
    },
)
def call_peaks(
    entry: Entry, output: PeaksFile, barcodes: BarcodesFile = None, report: ReportFile = None, **given: Any
) -> None:
    """Call peaks in a bigWig, or in reads, and write them as narrowPeak, broadPeak, gappedPeak or BED.

    Columns of narrowPeak: the score (fifth, 0 to 1000) ranks peaks; it is 1000 times a calibrated probability only
    where the model's card says so. The signal value (seventh) is the fold over the local background, or over the
    control where that is higher. The tenth is the distance of the highest summit from the start. The p and q values
    (eighth and ninth, -log10) are those of the number of reads in the peak, against the highest of its backgrounds; -1
    where reads cannot be told from the signal.

    With a control, peaks that do not rise above it are left out, and p-values are against it. The blocks of gappedPeak
    are the stretches that --merge-gap-bp joined.

    With --replicates the score is 1000 times the probability that a peak comes back in a further replicate.
    """
    from epizoo.jobs.call_peaks import call_peaks as call

    if barcodes is not None:
        _call_clusters(entry, output, barcodes, given | stated(report=report))
        return
    if report is not None:
        _check_report(report, output, given)
    with _shown_coverage(report, given) as shown:
        with progress_bar("Calling peaks") as progress:
            peaks = call(entry, output=output, **shown, progress=progress)
        assert peaks.decided is not None
        if report is not None:
            names = {} if shown is given else {str(shown["coverage"]): "coverage of the reads (--coverage keeps it)"}
            _write_report(report, output, shown, [*peaks.decided.notes, peaks.decided.summary()], names)
    for note in peaks.decided.notes:
        say(note)
    covered = int((peaks["end"] - peaks["start"]).sum())
    wrote(output, f"{counted(len(peaks), 'peak')} over {covered:,} bp, by {peaks.decided.caller}.")
    say(peaks.decided.summary())
    n_summits = int(peaks["summits"].str.count(",").sum()) + len(peaks)
    in_bins = f"in bins of {peaks.decided.bin_bp} bp"
    for name, what in (
        ("coverage", "fragments over each bp"),
        ("summits", counted(n_summits, "summit")),
        ("probabilities", f"the network's output {in_bins}"),
        ("cutoff_analysis", "peaks by cut-off of the q-value"),
        ("replicate_table", "probability to come back, IDR, and -log10 p of each replicate"),
        ("denoised", f"denoised coverage {in_bins}, in the unit of the input"),
    ):
        if name in given:
            wrote(given[name], f"{what}.")
    if report is not None:
        wrote(report, "a report.")


def _check_report(report: Path, output: Path, given: dict[str, Any]) -> None:
    """Check, before any work is done, that a report can be written."""
    from epizoo.reports.page import require_page

    require_page()
    names = ("bigwig", "control", "regions", "known_regions", "blacklist", "chrom_sizes", "reference")
    inputs = [given[name] for name in names if name in given]
    inputs += [path for name in ("reads", "replicates", "control_reads") for path in given.get(name, ())]
    check_outputs([report, output, *([given["coverage"]] if "coverage" in given else [])], inputs)


@contextmanager
def _shown_coverage(report: Path | None, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the options, with a coverage that is removed at the end where a report of reads needs one to show."""
    if report is None or {"bigwig", "coverage"} & set(given):
        yield given
        return
    with scratch_folder(report.parent) as folder:
        yield given | {"coverage": folder / "coverage.bw"}


def _write_report(
    report: Path, output: Path, given: dict[str, Any], settings: list[str], names: dict[str, str]
) -> None:
    """Write the report; `names` are what files are called in it that have no name to show."""
    from epizoo.reports.inputs import named
    from epizoo.reports.report import report as write

    ((sample, peaks),) = named(output).items()
    signals = {sample: given["bigwig" if "bigwig" in given else "coverage"]} | stated(control=given.get("control"))
    inputs = [path for name in ("reads", "replicates", "control_reads") for path in given.get(name) or ()]
    write(
        report,
        peaks={sample: peaks},
        bigwigs=signals,
        inputs=inputs,
        settings={sample: [as_called(line) for line in settings]},
        command=command_line(),
        file_names=piped() | names,
    )


def _call_clusters(entry: str, output: Path, barcodes: Path, given: dict[str, Any]) -> None:
    """Peaks of each cluster of single cells, in a folder."""
    from epizoo.jobs.cluster_peaks import call_cluster_peaks

    known = parameters_of("epizoo.jobs.cluster_peaks.call_cluster_peaks")
    other = [name for name, value in given.items() if name not in known and value]
    if other:
        raise InputError(
            f"--{other[0].replace('_', '-')}: given with --barcodes, with which it does not go; leave it out"
        )
    if len(given.get("reads") or []) != 1 or "chrom_sizes" not in given:
        raise InputError("--barcodes: needs --reads with one file of fragments of single cells, and --chrom-sizes")
    settings = {name: value for name, value in given.items() if name in known and name != "reads"}
    with progress_bar("Calling peaks") as progress:
        peaks = call_cluster_peaks(entry, given["reads"][0], barcodes, output=output, **settings, progress=progress)
    for cluster, number in peaks["cluster"].value_counts(sort=False).items():
        say(f"{cluster}: {counted(number, 'peak')}.")
    say(f"Wrote {output}: peaks of {counted(len(peaks['cluster'].cat.categories), 'cluster')}.")
