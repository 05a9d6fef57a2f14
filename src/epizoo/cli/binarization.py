"""`epizoo binarize`."""

from typing import Any

from epizoo.cli.app import OutputFolder, app, say
from epizoo.cli.file_roles import LISTING
from epizoo.cli.option_groups import options_of
from epizoo.wording import counted


@app.command()
@options_of(
    "epizoo.jobs.binarize.binarize",
    {
        "Reads or peaks": "table folder controls_folder marks controls cell chrom_sizes peaks",
        "The bin of a read": "pairs shift_bp center start_offset_bp end_offset_bp bin_bp",
        "Present bins": "p_value fold least_count strict pseudo_count flank_bins",
        "": "stack compress",
    },
    metavars={"folder": "FOLDER", "controls_folder": "FOLDER", "pairs": "HANDLING"},
    files={"table": LISTING},
    trailing="marks",
)
def binarize(output: OutputFolder, **given: Any) -> None:
    """Binarise reads or peaks, and write the files that ChromHMM's BinarizeBam and BinarizeBed write.

    Letters in brackets are ChromHMM's options.
    """
    from epizoo.jobs.binarize import binarize as write

    written = write(output=output, **given)
    for cell in dict.fromkeys(one.cell for one in written):
        chroms = [one for one in written if one.cell == cell]
        say(f"Wrote {output}: {cell}, {counted(len(chroms), 'chromosome')}, marks {', '.join(chroms[0].present)}.")
