"""`epizoo plot`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epizoo.cli.app import NewFile, app, option, say
from epizoo.cli.file_roles import FOLDER, INPUT, PICTURE
from epizoo.cli.option_groups import named_files
from epizoo.errors import InputError

if TYPE_CHECKING:
    from epizoo.figures.regions import Panel

_BIN_BP = 200


@app.command()
def plot(
    region: Annotated[str, option("REGION", "Where, as in a genome browser: chr1:1,000,000-1,050,000.")],
    output: Annotated[Path, NewFile, PICTURE],
    bigwig: Annotated[
        list[str] | None, option("[NAME=]FILE", "Signal, as FILE or NAME=FILE; may be given more than once."), INPUT
    ] = None,
    unit: Annotated[str | None, option("TEXT", "Unit of the signal and of the control, such as reads or fold.")] = None,
    control: Annotated[Path | None, option("FILE", "Signal of the control."), INPUT] = None,
    same_scale: Annotated[
        bool, typer.Option("--same-scale", help="One axis for all signal and the control, to compare heights.")
    ] = False,
    probabilities: Annotated[
        Path | None, option("FILE", "The network's output (`call-peaks --probabilities`), a bigWig."), INPUT
    ] = None,
    threshold: Annotated[float | None, option("NUMBER", "Draw a dashed line at this height of it.")] = None,
    peaks: Annotated[
        list[str] | None, option("[NAME=]FILE", "Peaks, as FILE or NAME=FILE; may be given more than once."), INPUT
    ] = None,
    marks: Annotated[
        list[str] | None, option("MARK=FILE", "A mark's bigWig, as MARK=FILE; repeat for each mark."), INPUT
    ] = None,
    binarized: Annotated[Path | None, option("FOLDER", "A folder of marks binarised by ChromHMM."), FOLDER] = None,
    cell: Annotated[str | None, option("CELL", "Which cell type, where that folder holds several.")] = None,
    bin_bp: Annotated[int | None, option("BP", "Width of the bins of --binarized, in bp (default: 200).")] = None,
    states: Annotated[
        list[str] | None, option("[NAME=]FILE", "States, as FILE or NAME=FILE; may be given more than once."), INPUT
    ] = None,
    title: Annotated[str | None, option("TEXT", "A title; the region where none is given.")] = None,
) -> None:
    """Draw a region: signal, network's output, peaks, marks and states, as PNG, SVG or PDF of 180 mm width."""
    from epizoo.figures import panels as make
    from epizoo.figures.regions import draw
    from epizoo.files import check_outputs
    from epizoo.genome.loci import parse_region
    from epizoo.zoo.state_order import state_order

    where = parse_region(region)
    labelled = [path for texts in (bigwig, peaks, states) for _, path in _labelled(texts, "")]
    others = [path for path in (control, probabilities, binarized) if path is not None]
    check_outputs([output], [*labelled, *others, *named_files(marks or [], "--marks").values()])
    if unit is not None and not bigwig and control is None:
        raise InputError(f"--unit: {unit} given without --bigwig or --control, whose unit it is; leave it out")
    if same_scale and len(bigwig or []) + (control is not None) < 2:
        raise InputError("--same-scale: given, and there are not two signals to compare; add a --bigwig or --control")
    for name, value, partner, is_given in (
        ("--threshold", threshold, "--probabilities", probabilities is not None),
        ("--cell", cell, "--binarized", binarized is not None),
        ("--bin-bp", bin_bp, "--binarized", binarized is not None),
    ):
        if value is not None and not is_given:
            raise InputError(
                f"{name}: {value} given without {partner}, which it is about; give that too, or leave it out"
            )
    below = "" if unit is None else f"\n({unit})"
    signals = [make.signal_panel(path, where, label + below) for label, path in _labelled(bigwig, "signal")]
    if control is not None:
        signals.append(make.control_panel(control, where, "control" + below))
    panels: list[Panel] = [*(make.on_one_scale(signals) if same_scale else signals)]
    if probabilities is not None:
        panels.append(make.probability_panel(probabilities, where, "P(peak)", threshold))
    panels += [make.peaks_panel(path, where, label) for label, path in _labelled(peaks, "peaks")]
    panels += [make.mark_signal_panel(path, where, mark) for mark, path in named_files(marks or [], "--marks").items()]
    if binarized is not None:
        panels += make.binarized_panels(binarized, where, cell, _BIN_BP if bin_bp is None else bin_bp)
    for label, path in _labelled(states, "states"):
        panel = make.states_panel(path, where, label)
        panels.append(panel._replace(order=state_order(panel.segments["name"])))
    draw(output, where, panels, title)
    say(f"Wrote {output}.")


def _labelled(texts: list[str] | None, default: str) -> list[tuple[str, str]]:
    """`FILE` or `NAME=FILE` texts as pairs of label and file; several files without names are called by their own."""
    from epizoo.figures.panels import label_of

    pairs = []
    for text in texts or []:
        name, separator, path = text.partition("=")
        if separator and not Path(text).exists():
            pairs.append((name, path))
        else:
            pairs.append((default if len(texts or []) == 1 else label_of(text), text))
    return pairs
