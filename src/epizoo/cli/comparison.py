"""`epizoo compare-states`, `epizoo compare-models` and `epizoo plot-model`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from epizoo.cli.app import NewFile, Output, app, option, out, say
from epizoo.cli.enrichment import Picture, check_outputs_and_pictures
from epizoo.cli.file_roles import INPUT, MODEL, OUTPUT, PICTURE

if TYPE_CHECKING:
    import pandas as pd

MODEL_HELP = "An entry's name or folder, or a model_N.txt or emissions_N.txt of ChromHMM."


@app.command()
def compare_states(
    first: Annotated[Path, typer.Argument(metavar="A.bed", help="BED file of states.", show_default=False), INPUT],
    second: Annotated[
        Path, typer.Argument(metavar="B.bed", help="BED file of states to compare it with.", show_default=False), INPUT
    ],
    output: Output,
    per_state: Annotated[
        Path | None, option("FILE", "Also write each state's share, best match and Jaccard index."), OUTPUT
    ] = None,
    picture: Picture = None,
    bin_bp: Annotated[
        int, typer.Option(metavar="BP", help="Width of the bins that the Rand index counts, in bp.")
    ] = 200,
) -> None:
    """Compare two segmentations: bp with each pair of states, adjusted Rand index, Jaccard index of each state."""
    from epizoo.figures.heatmaps import Scale, draw_heatmap
    from epizoo.genome.table_files import write_table
    from epizoo.jobs.enrichment import read_states
    from epizoo.metrics.state_comparison import compare_segmentations, jaccard
    from epizoo.zoo.state_order import state_colors

    more = [] if per_state is None else [per_state]
    check_outputs_and_pictures([output, *more], [picture], [first, second])
    found = compare_segmentations(read_states(first), read_states(second), bin_bp=bin_bp)
    for path, table in zip([output, *more], (found.confusion, found.states.round(6)), strict=False):
        write_table(path, table, index=True)
    if picture is not None:
        overlaps = found.confusion.astype(float)
        overlaps.loc[:, :] = jaccard(overlaps.to_numpy())
        overlaps.index.name = first.name
        draw_heatmap(
            picture,
            overlaps,
            "Overlap of states",
            Scale("Jaccard index", (0, 1)),
            x_label=second.name,
            colors=state_colors(list(overlaps.index)),
            column_colors=state_colors(list(overlaps.columns)),
        )
    total = int(found.confusion.to_numpy().sum())
    say(f"Wrote {output}: {total:,} bp that both cover.")
    same = "" if found.agreement != found.agreement else f"; {found.agreement:.2%} of the bp have the same state"
    say(f"Adjusted Rand index {found.adjusted_rand:.4f}{same}.")
    for path in [*more, *([] if picture is None else [picture])]:
        say(f"Wrote {path}.")
    out.print(_printed(found.states))


@app.command()
def compare_models(
    reference: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False), MODEL],
    others: Annotated[list[str], typer.Argument(metavar="MODEL …", help="Models to compare it with."), MODEL],
    output: Output,
    picture: Picture = None,
) -> None:
    """Best correlation of each state's emissions with a state of other models: ChromHMM's CompareModels."""
    from epizoo.figures.heatmaps import Scale, draw_heatmap
    from epizoo.jobs.state_models import read_state_model
    from epizoo.metrics import state_comparison as comparison
    from epizoo.metrics.enrichment import write_enrichment

    files = [Path(name) for name in (reference, *others) if Path(name).is_file()]
    check_outputs_and_pictures([output], [picture], files)
    first = read_state_model(reference)
    models = [first.emissions, *(read_state_model(other).emissions for other in others)]
    table = comparison.compare_models(models[0], models[1:])
    write_enrichment(output, table)
    marks = comparison.common_marks(models)
    left_out = sorted({mark for model in models for mark in model.marks} - set(marks))
    without = f", without {', '.join(left_out)}, which not all have" if left_out else ""
    say(f"Wrote {output}: correlations over {', '.join(marks)}{without}.")
    if picture is not None:
        draw_heatmap(
            picture, table, "Most similar states", Scale("correlation of emissions", (0, 1)), colors=first.colors
        )
        say(f"Wrote {picture}.")


@app.command()
def plot_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP, show_default=False), MODEL],
    output: Annotated[Path, NewFile, PICTURE],
    transitions: Annotated[Path | None, option("FILE", "Also draw the transitions into this file."), PICTURE] = None,
) -> None:
    """Draw a model's emissions, and its transitions, as heatmaps: PNG, SVG or PDF."""
    import pandas as pd

    from epizoo.errors import InputError
    from epizoo.figures.heatmaps import Scale, draw_heatmap
    from epizoo.jobs.state_models import read_state_model

    check_outputs_and_pictures([], [output, transitions], [Path(model)] if Path(model).is_file() else [])
    found = read_state_model(model)
    emissions = found.emissions
    rows = pd.Index(emissions.states, name=emissions.heading)
    if transitions is not None and found.parameters is None:
        raise InputError(f"{model}: holds emissions alone, and no transitions to draw; give its model_N.txt")
    draw_heatmap(
        output,
        pd.DataFrame(emissions.probabilities, index=rows, columns=list(emissions.marks)),
        f"Emissions of {emissions.name}",
        Scale("probability", (0, 1)),
        colors=found.colors,
    )
    say(f"Wrote {output}.")
    if transitions is not None and found.parameters is not None:
        table = pd.DataFrame(found.parameters.transition, index=rows, columns=list(emissions.states))
        draw_heatmap(
            transitions,
            table,
            f"Transitions of {emissions.name}",
            Scale("probability", (0, 1)),
            x_label="to state",
            colors=found.colors,
            column_colors=found.colors,
        )
        say(f"Wrote {transitions}.")


def _printed(states: "pd.DataFrame") -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("STATE", "SHARE", "BEST MATCH", "JACCARD"):
        table.add_column(column, justify="right" if column in ("SHARE", "JACCARD") else "left")
    for label, row in states.iterrows():
        table.add_row(str(label), f"{row['share']:.2f}%", str(row["best_match"]), f"{row['best_jaccard']:.3f}")
    return table
