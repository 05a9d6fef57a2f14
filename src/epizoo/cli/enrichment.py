"""`epizoo enrichment` and `epizoo neighborhood`: enrichment of the states of a segmentation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epizoo.cli.app import Output, app, option, say
from epizoo.cli.file_roles import INPUT, OUTPUT, PICTURE
from epizoo.errors import InputError
from epizoo.wording import counted

if TYPE_CHECKING:
    from epizoo.calling.state_colors import Color
    from epizoo.metrics.segmentations import Segmentation

States = Annotated[
    Path,
    typer.Argument(
        metavar="STATES.bed",
        help="BED file of states: from `epizoo annotate`, or ChromHMM's segments or dense file.",
        show_default=False,
    ),
    INPUT,
]
Picture = Annotated[
    Path | None, option("FILE", "Also draw the table as a heatmap, as PNG, SVG or PDF by the file's suffix."), PICTURE
]
EntryOfStates = Annotated[
    str | None, option("ENTRY", "Entry that the states belong to: rows get its order and its colours.")
]
BinBp = Annotated[
    int, typer.Option(metavar="BP", help="Width of the segmentation's bins, in bp; 1 uses its segments unchanged.")
]


@app.command()
def enrichment(
    states: States,
    output: Output,
    over: Annotated[
        list[Path],
        option(
            "FILE",
            "Annotations: BED files, folders of them, or genes (GTF, GFF3, refGene, genePred), which give the columns "
            "TSS, TES, exons, genes and promoters (2 kb around the TSS), as --over cpg.bed genes.gtf ….",
        ),
        INPUT,
    ],
    more_over: Annotated[list[Path] | None, typer.Argument(metavar="[FILE …]", hidden=True), INPUT] = None,
    picture: Picture = None,
    p_values: Annotated[
        Path | None,
        option("FILE", "Also write -log10 p of each enrichment, by a binomial test of the centres of the intervals."),
        OUTPUT,
    ] = None,
    signal: Annotated[
        bool, typer.Option("--signal", help="Weight each interval by its fourth column (ChromHMM's -signal).")
    ] = False,
    entry: EntryOfStates = None,
    bin_bp: BinBp = 200,
) -> None:
    """Fold enrichment of states over annotations, as ChromHMM's OverlapEnrichment computes it."""
    from epizoo.figures.heatmaps import Scale, draw_heatmap
    from epizoo.figures.panels import label_of
    from epizoo.jobs.enrichment import read_annotations, weights_of
    from epizoo.metrics.enrichment import BASE, GENOME, enrichment_p_values, overlap_enrichment, write_enrichment

    files = _annotations([*over, *(more_over or [])])
    tables = [output] if p_values is None else [output, p_values]
    check_outputs_and_pictures(tables, [picture], [states, *files.values()])
    segmentation, colors = read_with_entry(states, entry)
    annotations = read_annotations(files, segmentation)
    weights = weights_of(annotations) if signal else None
    table = overlap_enrichment(segmentation, annotations, bin_bp=bin_bp, weights=weights)
    write_enrichment(output, table)
    what, over_what = counted(len(table) - 1, "state"), counted(len(annotations), "annotation")
    say(f"Wrote {output}: fold enrichment of {what} over {over_what}.")
    if p_values is not None:
        write_enrichment(p_values, enrichment_p_values(segmentation, annotations, bin_bp=bin_bp))
        say(f"Wrote {p_values}: -log10 p of each enrichment.")
    if picture is not None:
        shown = table.drop(index=BASE)
        draw_heatmap(
            picture,
            shown.rename(columns=lambda name: name if name == GENOME else label_of(name)),
            "Enrichment of states",
            Scale("fold enrichment", folds=True, plain=[GENOME]),
            colors=_of_rows(colors, segmentation, list(shown.index)),
        )
        say(f"Wrote {picture}: blue where depleted, white where as expected, orange where enriched.")


@app.command()
def neighborhood(
    states: States,
    output: Output,
    anchors: Annotated[
        Path,
        option(
            "FILE",
            "Anchors such as transcription start sites: an anchor file of ChromHMM (chrom, position, strand), or BED, "
            "of which the 5' end of each interval is used, or its centre if there are no strands; or genes (GTF, GFF3, "
            "refGene, genePred).",
        ),
        INPUT,
    ],
    anchor: Annotated[
        str, typer.Option(metavar="PART", help="Part of genes that is the anchor: TSS or TES (genes only).")
    ] = "TSS",
    picture: Picture = None,
    entry: EntryOfStates = None,
    left: Annotated[int, typer.Option(metavar="N", help="Number of positions before the anchor.")] = 10,
    right: Annotated[int, typer.Option(metavar="N", help="Number of positions after the anchor.")] = 10,
    spacing_bp: Annotated[int, typer.Option(metavar="BP", help="Distance between positions, in bp.")] = 200,
    bin_bp: BinBp = 200,
) -> None:
    """Fold enrichment of states around anchors, as ChromHMM's NeighborhoodEnrichment computes it."""
    from epizoo.figures.heatmaps import Scale, draw_heatmap
    from epizoo.jobs.enrichment import anchors_of
    from epizoo.metrics.enrichment import n_anchors_in_states, neighborhood_enrichment, write_enrichment

    check_outputs_and_pictures([output], [picture], [states, anchors])
    segmentation, colors = read_with_entry(states, entry)
    positions = anchors_of(anchors, anchor, segmentation)
    table = neighborhood_enrichment(
        segmentation, positions, n_left=left, n_right=right, spacing_bp=spacing_bp, bin_bp=bin_bp
    )
    write_enrichment(output, table)
    what, around = counted(len(table), "state"), counted(len(positions), "anchor")
    n_used = n_anchors_in_states(segmentation, positions, bin_bp=bin_bp)
    say(f"Wrote {output}: fold enrichment of {what} around {around}, of which {n_used:,} lie in a state.")
    if picture is not None:
        rows = _of_rows(colors, segmentation, list(table.index))
        draw_heatmap(
            picture,
            table.rename(columns=lambda distance: f"{int(distance) / 1000:g}"),
            f"Enrichment of states around {anchors.name}",
            Scale("fold enrichment", folds=True),
            x_label="distance from the anchor (kb)",
            colors=rows,
        )
        say(f"Wrote {picture}.")


def check_outputs_and_pictures(outputs: list[Path], pictures: list[Path | None], inputs: list[Path]) -> None:
    """Check, before any work is done, that all tables and pictures can be written.

    Raises:
        InputError: one cannot, or would overwrite an input.
    """
    from epizoo.figures.page import require_picture
    from epizoo.files import check_outputs
    from epizoo.genome.table_files import check_tables

    drawn = [path for path in pictures if path is not None]
    for path in drawn:
        require_picture(path)
    check_outputs([*outputs, *drawn], inputs)
    check_tables(outputs)


def _annotations(paths: list[Path]) -> dict[str, Path]:
    """Files by their names, those of folders included, as ChromHMM names its columns."""
    files: dict[str, Path] = {}
    for path in paths:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if path.is_dir() and (file.name.startswith(".") or not file.is_file()):
                continue
            if file.name in files:
                raise InputError(f"--over: {files[file.name]} and {file} have one name; rename one of them")
            files[file.name] = file
    if not files:
        raise InputError(f"--over: {', '.join(map(str, paths))} holds no file; give BED files")
    return files


def read_with_entry(states: Path, entry: str | None) -> tuple["Segmentation", "list[Color] | None"]:
    """The segmentation, and the colours of its states by the entry that is named, or that has states of their names."""
    from epizoo.jobs.enrichment import read_states
    from epizoo.metrics.segmentations import read_segmentation
    from epizoo.zoo import load_annotator
    from epizoo.zoo.state_order import state_colors

    if entry is None:
        segmentation = read_states(states)
        return segmentation, state_colors(segmentation.labels)

    styles = [state.style for state in load_annotator(entry).config.states]
    segmentation = read_segmentation(states, [style.name for style in styles])
    return segmentation, [style.color for style in styles]


def _of_rows(colors: "list[Color] | None", segmentation: "Segmentation", rows: list[str]) -> "list[Color] | None":
    """The colours of the rows of a table, from those of all states."""
    return None if colors is None else [colors[segmentation.labels.index(row)] for row in rows]
