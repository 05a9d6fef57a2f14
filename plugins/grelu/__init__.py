"""gReLU: importing this module makes the zoo's models known to it.

    import epizoo.plugins.grelu
    from grelu.lightning import LightningModel

    model = LightningModel(model_params={"model_type": "PeakCallerModel", "n_filters": 16, "crop_len": 30})

From then on `grelu.resources.load_model` loads checkpoints that ``epizoo export ENTRY --to grelu`` wrote, and
`SignalDataset` and `MarkDataset` go wherever gReLU takes its own datasets.
"""

from epizoo.optional import require

require("grelu", "grelu")

from epizoo.plugins.grelu.checkpoints import export as export_checkpoint  # noqa: E402
from epizoo.plugins.grelu.checkpoints import lightning_model, load_checkpoint  # noqa: E402
from epizoo.plugins.grelu.datasets import MarkDataset, SignalDataset  # noqa: E402
from epizoo.plugins.grelu.heads import full_precision  # noqa: E402
from epizoo.plugins.grelu.import_entry import import_checkpoint  # noqa: E402
from epizoo.plugins.grelu.models import (  # noqa: E402
    ChromatinStateModel,
    PeakCallerModel,
    register,
)
from epizoo.plugins.grelu.training import require_labels  # noqa: E402

__all__ = [
    "ChromatinStateModel",
    "MarkDataset",
    "PeakCallerModel",
    "SignalDataset",
    "export_checkpoint",
    "full_precision",
    "import_checkpoint",
    "lightning_model",
    "load_checkpoint",
    "register",
]

register()
require_labels()
