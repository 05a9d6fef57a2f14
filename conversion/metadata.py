"""What every exported file says of itself: which entry, which weights, which bins, which transform."""

import json

from epizoo import __version__
from epizoo.model_zoo.entry import Entry


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
        "channels": json.dumps(entry.channels),
        "config": json.dumps(entry.config["model"]),
        "license": entry.kipoi.get("info", {}).get("license", ""),
    }
    if entry.family == "peak_caller":
        about["transform"] = json.dumps({"formula": "arcsinh(signal / background)"} | entry.config.get("transform", {}))
    else:
        names = [state.get("name", "") for state in entry.config.get("states", [])]
        about["states"] = json.dumps(names)
        about["transform"] = json.dumps({"formula": "none: marks are 0, 1, NaN (missing) or -1 (outside)"})
    return about
