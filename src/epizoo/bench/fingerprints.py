"""Identity of an entry's figures: weights and settings, so that figures of another model are seen to be stale."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from epizoo.zoo.description import SETTINGS
from epizoo.zoo.entry import Entry


def fingerprint(entry: Entry) -> dict[str, str]:
    """Name, version, and the SHA-256 of the weights and of all settings that decide results, defaults included."""
    settings = TypeAdapter(SETTINGS[entry.family]).dump_python(entry.config, mode="json")
    text = json.dumps({"config": settings, "bin_bp": entry.window.bin_bp}, sort_keys=True)
    return {
        "name": entry.name,
        "version": entry.version,
        "sha256": entry.sha256,
        "config_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }


def is_stale(recorded: Mapping[str, Any], entry: Entry) -> bool:
    """True if figures were measured with other weights or settings than the entry has now.

    Args:
        recorded: the `fingerprint` that was written beside the figures.
        entry: the entry of the same name.
    """
    now = fingerprint(entry)
    return any(recorded.get(key) != now[key] for key in ("name", "sha256", "config_sha256"))
