"""`epizoo export`, `import-torch`, `import-chromhmm` and `import-grelu`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from epizoo.cli.app import Entry, NewFile, app, out, say, working
from epizoo.cli.file_roles import EXPORT, IMPORTED
from epizoo.cli.option_groups import options_of
from epizoo.errors import InputError
from epizoo.wording import counted

if TYPE_CHECKING:
    from epizoo.conversion.parity import ParityReport


@app.command()
@options_of(
    "epizoo.conversion.exporting.export",
    {"": "path to opset raw_coverage layers crop float16"},
    metavars={"to": "FORMAT"},
)
def export(entry: Entry, path: Annotated[Path, NewFile, EXPORT], **given: Any) -> None:
    """Write a model for ONNX Runtime, torch or gReLU, after proof that it is still the same model.

    The proof, the largest difference of every output from JAX's, is printed and stored beside the file.
    """
    from epizoo.conversion import export as export_entry

    with working("Exporting, and comparing with JAX"):
        report = (
            _export_to_grelu(entry, path, **given)
            if given["to"] == "grelu"
            else export_entry(entry, path=path, **given)
        )
    out.print(str(report), markup=False)
    say(f"Wrote {path} and {path}.parity.json.")


@app.command()
@options_of(
    "epizoo.conversion.torch.import_entry.import_state",
    {"": "base name output data version"},
    metavars={"output": "FOLDER", "data": "TEXT"},
)
def import_torch(
    path: Annotated[Path, typer.Argument(metavar="STATE", help="A state dict, .safetensors or .pt."), IMPORTED],
    **given: Any,
) -> None:
    """Make an entry of a twin that was fine-tuned in torch, after proof that it is still the same model.

    The state dict is one that `epizoo export --to torch` (or safetensors) wrote, trained further.
    """
    from epizoo.optional import require

    require("torch", "torch")
    from epizoo.conversion.torch.import_entry import import_state

    with working("Importing, and comparing with torch"):
        entry = import_state(path, **given)
    _say_made(entry)


@app.command()
@options_of(
    "epizoo.plugins.grelu.import_entry.import_checkpoint",
    {"": "name output base task version"},
    metavars={"output": "FOLDER"},
)
def import_grelu(
    path: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="A .ckpt file, or hf://ORG/NAME."), IMPORTED],
    **given: Any,
) -> None:
    """Make an entry of a model that gReLU fine-tuned, after proof that it is still the same model."""
    from epizoo.plugins.grelu import import_checkpoint

    with working("Importing, and comparing with the checkpoint"):
        entry = import_checkpoint(path, **given)
    _say_made(entry)


@app.command()
@options_of(
    "epizoo.conversion.chromhmm.import_entry.import_model",
    {"": "name output binarized cell labels colors bin_bp assembly source license_name version"},
    metavars={"output": "FOLDER"},
)
def import_chromhmm(
    path: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model_N.txt of ChromHMM, plain or gzipped."), IMPORTED
    ],
    **given: Any,
) -> None:
    """Make an entry of a model that ChromHMM learned, its probabilities unchanged.

    Then `epizoo annotate FOLDER/chromatin_states/NAME` gives the states that ChromHMM gives, and the model can be
    fine-tuned, exported and published as any other.
    """
    from epizoo.conversion.chromhmm.import_entry import import_model

    with working("Importing, and measuring the likelihood"):
        entry = import_model(path, **given)
    metric = entry.zoo.metrics[0]
    states = counted(len(entry.config.states), "state")
    say(f"Wrote {entry.folder}: {states}, {metric.name} {metric.value} on {metric.on}.")


def _say_made(entry: Any) -> None:
    say(f"Wrote {entry.folder}: {entry.name} {entry.version}, fine-tuned from {entry.zoo.base_model}.")


def _export_to_grelu(entry: str, path: Path, *, to: str, crop: bool, **others: Any) -> "ParityReport":
    if not crop or any(value not in (None, False) for value in others.values()):
        raise InputError("export: a checkpoint of gReLU takes no options about operators or outputs; leave them out")
    # Conversions know nothing of the adapters above them.
    from epizoo.plugins.grelu import export_checkpoint

    return export_checkpoint(entry, path)
