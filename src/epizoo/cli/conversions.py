"""`epizoo export`, `import-torch`, `import-chromhmm` and `import-grelu`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epizoo.cli.app import Entry, Output, app, give_graph, option, out, say, working
from epizoo.errors import InputError

if TYPE_CHECKING:
    from epizoo.conversion.parity import ParityReport


NewName = Annotated[str, option("NAME", "Name of the new entry, such as muscle (letters, digits, - and _).")]
ZooFolder = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Folder of a zoo; the entry is written to FOLDER/FAMILY/NAME."
    ),
]
EntryVersion = Annotated[
    str, typer.Option("--entry-version", metavar="VERSION", help="Version number of the new entry.")
]


@app.command()
def export(
    entry: Entry,
    output: Output,
    to: Annotated[str, option("FORMAT", "Format: onnx, torch, pt2 (a program for torch alone), safetensors or grelu.")],
    opset: Annotated[
        int | None, option("NUMBER", "Version of ONNX's operator set; by default the oldest that the models need.")
    ] = None,
    raw_coverage: Annotated[
        bool,
        typer.Option(
            "--raw-coverage", help="Normalise in the graph, which then takes the scale too (ONNX, peak callers)."
        ),
    ] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Make hidden layers outputs too (ONNX and pt2).")] = False,
    crop: Annotated[
        bool, typer.Option("--crop/--no-crop", help="Leave the flanks out of the outputs (ONNX and pt2).")
    ] = True,
) -> None:
    """Write a model for ONNX Runtime, torch or gReLU, after proof that it is still the same model.

    The proof, the largest difference of every output from JAX's, is printed and stored beside the file.
    """
    from epizoo.conversion import export as export_entry

    with working("Exporting, and comparing with JAX"):
        if to == "grelu":
            report = _export_to_grelu(entry, output, opset, raw_coverage, layers, crop)
        else:
            report = export_entry(entry, to, output, opset=opset, raw_coverage=raw_coverage, layers=layers, crop=crop)
    out.print(str(report), markup=False)
    say(f"Wrote {output} and {output}.parity.json.")


@app.command()
def import_torch(
    state: Annotated[Path, typer.Argument(metavar="STATE", help="A state dict, .safetensors or .pt.")],
    base: Annotated[str, option("ENTRY", "Entry that the model was fine-tuned from.")],
    name: NewName,
    output: ZooFolder,
    data: Annotated[str, option("TEXT", "Training data in a few words, for the card.")] = "",
    version: EntryVersion = "1.0.0",
) -> None:
    """Make an entry of a twin that was fine-tuned in torch, after proof that it is still the same model.

    The state dict is one that `epizoo export --to torch` (or safetensors) wrote, trained further.
    """
    from epizoo.optional import require

    require("torch", "torch")
    from epizoo.conversion.torch.import_entry import import_state

    with working("Importing, and comparing with torch"):
        entry = import_state(state, base, name, output, data=data, version=version)
    _finish(entry)


@app.command()
def import_grelu(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A .ckpt file, or hf://ORG/NAME.")],
    name: NewName,
    output: ZooFolder,
    base: Annotated[
        str | None,
        option("ENTRY", "Entry that the model was fine-tuned from, if the one that the checkpoint names is missing."),
    ] = None,
    task: Annotated[str | None, option("NAME", "Kind of peaks to import, if the model calls several.")] = None,
    version: EntryVersion = "1.0.0",
) -> None:
    """Make an entry of a model that gReLU fine-tuned, after proof that it is still the same model."""
    from epizoo.plugins.grelu import import_checkpoint

    with working("Importing, and comparing with the checkpoint"):
        entry = import_checkpoint(checkpoint, name, output, base=base, task=task, version=version)
    _finish(entry)


@app.command()
def import_chromhmm(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model_N.txt of ChromHMM, plain or gzipped.")],
    name: NewName,
    output: ZooFolder,
    binarized: Annotated[
        Path, option("FOLDER", "Marks of a cell type, binarised by ChromHMM, for the example and the likelihood.")
    ],
    cell: Annotated[str | None, option("CELL", "Cell type to take, if the folder holds several.")] = None,
    labels: Annotated[Path | None, option("FILE", "Names of the states, in the format of ChromHMM's -m.")] = None,
    colors: Annotated[Path | None, option("FILE", "Colours of the states, in the format of ChromHMM's -c.")] = None,
    bin_bp: Annotated[int, typer.Option(metavar="BP", help="Width of the model's bins.")] = 200,
    assembly: Annotated[
        str, typer.Option(metavar="NAME", help="Assembly of the training data, such as hg38.")
    ] = "unknown",
    source: Annotated[str, typer.Option(metavar="TEXT", help="Source of the model, for the card.")] = "private",
    model_license: Annotated[
        str, typer.Option("--license", metavar="NAME", help="Licence of the model, for the card.")
    ] = "unknown",
) -> None:
    """Make an entry of a model that ChromHMM learned, its probabilities unchanged.

    Then `epizoo annotate FOLDER/chromatin_states/NAME` gives the states that ChromHMM gives, and the model can be
    fine-tuned, exported and published as any other.
    """
    from epizoo.conversion.chromhmm.import_entry import import_model

    with working("Importing, and measuring the likelihood"):
        entry = import_model(
            model,
            name,
            output,
            binarized=binarized,
            cell=cell,
            labels=labels,
            colors=colors,
            bin_bp=bin_bp,
            assembly=assembly,
            source=source,
            license_name=model_license,
        )
    give_graph(entry)
    metric = entry.zoo.metrics[0]
    say(f"Wrote {entry.folder}: {len(entry.config.states)} states, {metric.name} {metric.value} on {metric.on}.")


def _finish(entry: Any) -> None:
    give_graph(entry)
    say(f"Wrote {entry.folder}: {entry.name} {entry.version}, fine-tuned from {entry.zoo.base_model}.")


def _export_to_grelu(
    entry: str, output: Path, opset: int | None, raw_coverage: bool, layers: bool, crop: bool
) -> "ParityReport":
    if opset is not None or raw_coverage or layers or not crop:
        raise InputError("export: a checkpoint of gReLU takes no options about operators or outputs; leave them out")
    # Conversions know nothing of the adapters above them.
    from epizoo.plugins.grelu import export_checkpoint

    return export_checkpoint(entry, output)
