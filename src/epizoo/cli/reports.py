"""`epizoo report` and `epizoo track-hub`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from epizoo.cli.app import Output, app, say
from epizoo.cli.file_roles import FOLDER, OF_SUFFIX, SESSION, TABLE
from epizoo.cli.option_groups import options_of
from epizoo.cli.reporting import command_line
from epizoo.cli.streams import piped

_NAMED = {"peaks": "[SAMPLE=]FILE", "bigwigs": "[SAMPLE=]FILE", "states": "[CELL=]FILE"}


@app.command()
@options_of(
    "epizoo.reports.report.report",
    {
        "Results": "peaks bigwigs states entry libraries differential settings inputs",
        "Content": "over loci notes title assembly",
        "Other formats": "multiqc session",
    },
    metavars={
        **_NAMED,
        "differential": "[NAME=]FILE",
        "settings": "[SAMPLE=]FILE",
        "over": "FILE",
        "loci": "REGION",
        "notes": "TEXT",
        "title": "TEXT",
        "assembly": "ASSEMBLY",
    },
    flags={"bigwigs": ("--bigwig",), "inputs": ("--input",), "notes": ("--note",)},
    files={"libraries": TABLE, "differential": TABLE, "multiqc": OF_SUFFIX, "session": SESSION},
    trailing="over",
)
def report(output: Output, **given: Any) -> None:
    """Write a report of peaks or states as one HTML file, which opens without a network.

    It shows headline figures, the quality of the data, example loci in a genome browser, distributions, coverage and
    enrichments of states, and what made them.
    """
    from epizoo.reports.report import report as write

    write(output, **given, command=command_line(), file_names=piped())
    for path in (output, given.get("multiqc"), given.get("session")):
        if path is not None:
            say(f"Wrote {path}.")


@app.command()
@options_of(
    "epizoo.reports.track_hub.track_hub",
    {"": "peaks bigwigs states entry assembly chrom_sizes email name"},
    metavars={**_NAMED, "email": "ADDRESS", "assembly": "ASSEMBLY", "chrom_sizes": "FILE"},
    flags={"bigwigs": ("--bigwig",)},
)
def track_hub(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder of the hub; made where there is none.", show_default=False
        ),
        FOLDER,
    ],
    **given: Any,
) -> None:
    """Write a track hub for UCSC's genome browser: signal as bigWig, peaks as bigNarrowPeak, states as bigBed.

    Copy the folder to a web server, and give the address of its hub.txt to the browser (My Data, Track Hubs).
    """
    from epizoo.genome.assemblies import common_name
    from epizoo.reports.track_hub import track_hub as write

    folder = Path(output, common_name(given["assembly"]))
    before = set(folder.iterdir()) if folder.is_dir() else set()
    for path in write(output, **given):
        say(f"Wrote {path}.")
    for path in sorted(path for path in before if not path.exists()):
        say(f"Removed {path}: a track of an earlier run.")
