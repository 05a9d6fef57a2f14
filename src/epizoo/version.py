"""The version of epizoo, told in this one place, and those of the packages that it computes with."""

__version__ = "0.2.0"
_PACKAGES = (
    "numpy",
    "jax",
    "jaxlib",
    "flax",
    "numba",
    "pandas",
    "bioframe",
    "pyBigWig",
    "pysam",
    "onnxruntime",
    "torch",
)


def versions() -> dict[str, str]:
    """Versions of Python, the machine's system, and the installed packages that may change a result."""
    # Not needed by those who import the package alone, and slow to import.
    import contextlib
    import importlib.metadata
    import platform

    found = {"Python": platform.python_version(), "System": platform.platform()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
