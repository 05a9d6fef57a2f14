"""gReLU: importing this module makes the zoo's models known to it.

import epizoo.plugins.grelu
from grelu.lightning import LightningModel

model = LightningModel(model_params={"model_type": "PeakCallerModel", "n_filters": 16, "crop_len": 30})
"""

from epizoo.conversion import require

require("grelu", "grelu")

from epizoo.plugins.grelu_models import (  # noqa: E402
    ChromatinStateModel,
    PeakCallerModel,
    full_precision,
    register,
)

__all__ = ["ChromatinStateModel", "PeakCallerModel", "full_precision", "register"]

register()
