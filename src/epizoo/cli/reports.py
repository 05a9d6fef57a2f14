"""`epizoo report`."""

from typing import Any

from epizoo.cli.app import Output, app, say
from epizoo.cli.option_groups import options_of


@app.command()
@options_of(
    "epizoo.reports.report.report",
    {
        "Results": "peaks bigwigs states entry libraries settings",
        "Content": "over loci title assembly",
        "Other formats": "multiqc session",
    },
    metavars={
        "peaks": "[SAMPLE=]FILE",
        "bigwigs": "[SAMPLE=]FILE",
        "states": "[CELL=]FILE",
        "settings": "[SAMPLE=]FILE",
        "over": "FILE",
        "loci": "REGION",
        "title": "TEXT",
        "assembly": "ASSEMBLY",
    },
    flags={"bigwigs": ("--bigwig",)},
    trailing="over",
)
def report(output: Output, **given: Any) -> None:
    """Write a report of peaks or states as one HTML file, which opens without a network.

    It shows headline figures, the quality of the data, example loci in a genome browser, distributions, coverage and
    enrichments of states, and what made them.
    """
    from epizoo.reports.report import report as write

    write(output, **given)
    for path in (output, given.get("multiqc"), given.get("session")):
        if path is not None:
            say(f"Wrote {path}.")
