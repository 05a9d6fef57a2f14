"""Optional dependencies: whether they are installed, and the extra that installs one that is not."""

import importlib
import importlib.util
from types import ModuleType

from epizoo.errors import MissingDependencyError


def is_installed(*modules: str) -> bool:
    """True if all of these modules can be imported; none of them is."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def require(module: str, extra: str) -> ModuleType:
    """Import an optional dependency.

    Raises:
        MissingDependencyError: it is not installed; the message names the extra that installs it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.split(".")[0]:
            raise
        raise MissingDependencyError(
            f"{module}: not installed, and this needs it; install it with: pip install 'epizoo[{extra}]'"
        ) from error
