"""Metadata of every exported file: entry, weights, bins and transform."""

import json

from epizoo.errors import InputError
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.models.peak_scorer.config import PeakScorerConfig
from epizoo.version import __version__
from epizoo.zoo.description import ChromatinStateSettings, PeakCallerSettings
from epizoo.zoo.entry import Entry


def require_plain(entry: Entry) -> None:
    """Check that an entry's model is one that has a twin in torch and ONNX.

    Raises:
        InputError: a peak caller has heads or is paired.
    """
    for key in ("heads", "paired"):
        value = getattr(entry.config.model, key, None)
        if value:
            raise InputError(
                f"{entry.name}: config.model.{key} is {value}, and only peak callers of one head and one condition "
                "are converted; take one head with epizoo.models.peak_caller.heads.one_head"
            )


def require_twin(entry: Entry) -> PeakCallerConfig | ChromatinStateConfig:
    """The config of an entry's model, which has a twin in torch.

    Raises:
        InputError: a peak caller has heads or is paired, or the entry scores candidate peaks.
    """
    config = entry.config.model
    if isinstance(config, PeakScorerConfig):
        raise InputError(f"{entry.name}: scores candidate peaks, and such models are converted to ONNX alone; use onnx")
    require_plain(entry)
    return config


def metadata(entry: Entry) -> dict[str, str]:
    """Text by key, as ONNX's ``metadata_props``, safetensors and torch archives hold it; values that nest are JSON."""
    about = {
        "entry": entry.name,
        "family": entry.family,
        "version": entry.version,
        "sha256": entry.sha256,
        "epizoo": __version__,
        "bin_bp": str(entry.window.bin_bp),
        "window_bins": str(entry.window.window_bins),
        "flank_bins": str(entry.window.flank_bins),
        "least_bins": str(2 * entry.window.flank_bins + 1),
        "channels": json.dumps(entry.channels),
        "config": json.dumps(entry.zoo.config["model"]),
        "license": entry.kipoi.get("info", {}).get("license", ""),
    }
    if isinstance(entry.config, PeakCallerSettings):
        about["transform"] = json.dumps({"formula": "arcsinh(signal / scale)"} | entry.zoo.config.get("transform", {}))
    elif isinstance(entry.config, ChromatinStateSettings):
        about["states"] = json.dumps([state.name for state in entry.config.states])
        about["transform"] = json.dumps({"formula": "none: marks are 0, 1, NaN (missing) or -1 (outside)"})
    else:
        formula = "(coverage - its mean) / its standard deviation over 2,000 bp, then enrichment features"
        about["transform"] = json.dumps({"formula": formula})
    return about
