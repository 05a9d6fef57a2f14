"""`epizoo run`, `epizoo consensus`, `epizoo count` and `epizoo differential`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from epizoo.cli.app import Output, app, progress_bar, say, wrote
from epizoo.cli.file_roles import LISTING, OUTPUT, TABLE
from epizoo.cli.option_groups import options_of
from epizoo.wording import counted

_GROUPS = {"groups": "FILE|SAMPLE=GROUP"}
_READS = (
    "chrom_sizes fragment_length_bp min_mapping_quality keep_duplicates pairs min_fragment_bp max_fragment_bp "
    "reference atac"
)
CountsFile = Annotated[
    Path,
    typer.Argument(
        metavar="COUNTS",
        help="Table of counts of `epizoo count`: TSV, Parquet or AnnData (h5ad).",
        show_default=False,
    ),
    TABLE,
]


StudyFile = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY",
        help="Study (YAML), or a tab-separated table of samples: sample, group, treatment, assay, control, entry.",
        show_default=False,
    ),
    LISTING,
]


@app.command()
@options_of(
    "epizoo.studies.run_study.run_study",
    {
        "": "output",
        "Settings of the study": "assembly blacklist q_value min_support reference email",
        "Machines": "workers memory scheduler",
    },
    metavars={
        "output": "FOLDER",
        "assembly": "NAME|FILE",
        "blacklist": "NAME|FILE",
        "reference": "GROUP",
        "email": "ADDRESS",
        "memory": "SIZE",
        "scheduler": "ADDRESS",
    },
)
def run(study: StudyFile, **given: Any) -> None:
    """Run a study: call the peaks of all samples, join, count and compare them.

    A run that was stopped is continued by the same command: finished pieces are not done again.
    """
    from epizoo.studies.run_study import run_study

    with progress_bar("Running the study") as progress:
        outcomes = run_study(study, **given, progress=progress)
    for outcome in outcomes:
        if outcome.notes:
            say(f"{outcome.name}: {' '.join(outcome.notes)}")
    number = counted(len(outcomes), "piece")
    is_new = any(outcome.is_new for outcome in outcomes)
    say(f"Wrote {given['output']}: {number}." if is_new else f"{given['output']}: all of its {number} are up to date.")


@app.command()
@options_of(
    "epizoo.jobs.consensus.consensus",
    {"": "peaks groups min_support output support"},
    metavars={"peaks": "SAMPLE=FILE", **_GROUPS},
    files={"support": OUTPUT},
    trailing="peaks",
)
def consensus(output: Output, **given: Any) -> None:
    """Join the peaks of several samples into one set, and say which samples support each peak.

    A bp is kept where enough samples of one group have a peak over it, so that a peak of one sample alone is left out.
    Peaks that most samples tell apart stay apart.
    """
    from epizoo.jobs.consensus import consensus as join

    found = join(output=output, **given)
    n_all = int(found.support.all(axis=1).sum())
    wrote(
        output,
        f"{len(found.peaks):,} consensus peaks of {found.support.shape[1]} samples, {n_all:,} of which all samples "
        "support.",
    )
    if "support" in given:
        say(f"Wrote {given['support']}: the samples that support each peak.")


@app.command()
@options_of(
    "epizoo.jobs.count.count",
    {
        "Samples": "peaks reads bigwigs groups",
        "Handling of reads": _READS,
        "Output": "output libraries",
    },
    metavars={"reads": "SAMPLE=FILE", "bigwigs": "SAMPLE=FILE", **_GROUPS},
    flags={"bigwigs": ("--bigwig",)},
    files={"libraries": OUTPUT},
    trailing="reads",
)
def count(output: Output, **given: Any) -> None:
    """Count the fragments of several samples in peaks, with the size, duplicates and FRiP of each library."""
    from epizoo.jobs.count import count as count_fragments

    with progress_bar("Counting") as progress:
        found = count_fragments(output=output, **given, progress=progress)
    say(f"Wrote {output}: {counted(len(found.table), 'peak')} by {counted(len(found.libraries), 'sample')}.")
    for sample, row in found.libraries.iterrows():
        say(f"{sample}: {counted(row['fragments'], 'fragment')}, {row['frip']:.1%} of them in peaks.")
    if "libraries" in given:
        say(f"Wrote {given['libraries']}: figures of each library.")


@app.command()
@options_of(
    "epizoo.jobs.differential.differential",
    {"": "groups reference compared output"},
    metavars={"reference": "GROUP", "compared": "GROUP", **_GROUPS},
    trailing="groups",
)
def differential(counts: CountsFile, output: Output, **given: Any) -> None:
    """Find the peaks that differ between two groups of samples, by PyDESeq2 on their counts.

    Each group needs two samples or more.
    """
    from epizoo.jobs.differential import differential as compare

    found = compare(counts, output=output, **given)
    higher = int(((found["q_value"] <= 0.05) & (found["log2_fold"] > 0)).sum())
    lower = int(((found["q_value"] <= 0.05) & (found["log2_fold"] < 0)).sum())
    peaks, (group, base) = counted(len(found), "peak"), found.attrs["groups"]
    say(
        f"Wrote {output}: {peaks}, of which {higher:,} are higher and {lower:,} lower in {group} than in {base} "
        "(q-value <= 0.05)."
    )
