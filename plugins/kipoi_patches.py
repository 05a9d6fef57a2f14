"""What is broken in kipoi 0.8.6 and is mended here, in kipoi's own modules alone and in this one place.

Kipoi's commands import a model's or a dataloader's class before they open a writer, so both our model classes and our
dataloaders call `mend_kipoi`. Each of these can go when a release of kipoi does it itself:

- ``kipoi.writers`` reads ``np.string_`` and ``np.unicode_``, which numpy 2 removed: every HDF5 file crashes.
- ``kipoi.writers.get_writer`` passes ``dataloader_schema=`` to `BedBatchWriter`, which wants ``metadata_schema=``:
  every ``.bed`` crashes. It also passes a model's ``hdf5_chunk_size`` to the TSV writer, which does not take it.
- ``kipoi.writers.HDF5BatchWriter`` makes chunks of 10,000 rows unless told otherwise, and ``kipoi preproc`` cannot tell
  it: for windows these are hundreds of MB for each array. It also opens a file that exists to append to it, and then
  fails after the first batch, because the arrays are there already.
- ``kipoi test`` compares only the first array of a dict of predictions: ``compare_numpy_dict`` takes the None that
  numpy's assertion returns for a difference and stops, and nobody reads its answer.
"""

import functools
import os
import types
from collections.abc import Mapping
from typing import Any

import kipoi.cli.main
import kipoi.writers
import numpy as np

from epizoo.errors import InputError
from epizoo.files import require_writable

HDF5_CHUNK_ROWS = 32


def mend_kipoi() -> None:
    """Mend kipoi 0.8.6 in this process; calling it again does nothing."""
    if getattr(kipoi.writers, "mended_by_epizoo", False):
        return
    kipoi.writers.np = _numpy_with_old_names()
    kipoi.writers.get_writer = _mended_get_writer(kipoi.writers.get_writer)
    kipoi.writers.HDF5BatchWriter.__init__ = _with_small_chunks(kipoi.writers.HDF5BatchWriter.__init__)
    kipoi.cli.main.compare_numpy_dict = compare_all_arrays
    kipoi.writers.mended_by_epizoo = True


def compare_all_arrays(found: Any, expected: Any, exact: bool = True, decimal: int = 7) -> None:
    """Compare predictions, single arrays or nested dicts or lists of them, as ``kipoi test`` means to.

    Raises:
        AssertionError: names or values differ; the message names the array.
    """
    if isinstance(expected, Mapping):
        names = set(found) if isinstance(found, Mapping) else type(found).__name__
        assert names == set(expected), f"arrays {names} found, {set(expected)} expected"
        pairs = [(name, found[name], expected[name]) for name in expected]
    elif isinstance(expected, list):
        assert len(found) == len(expected), f"{len(found)} arrays found, {len(expected)} expected"
        pairs = [(str(number), *pair) for number, pair in enumerate(zip(found, expected, strict=True))]
    else:
        compare = np.testing.assert_array_equal if exact else functools.partial(_almost_equal, decimal=decimal)
        compare(found, expected)
        return
    for name, one, other in pairs:
        try:
            compare_all_arrays(one, other, exact, decimal)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from None


def _almost_equal(found: Any, expected: Any, decimal: int) -> None:
    np.testing.assert_almost_equal(found, expected, decimal=decimal)


def _numpy_with_old_names() -> types.ModuleType:
    """A module that is numpy with the two names that kipoi still uses; numpy itself stays as it is."""
    module = types.ModuleType("numpy")
    module.__dict__.update(string_=np.bytes_, unicode_=np.str_)
    module.__getattr__ = functools.partial(getattr, np)  # type: ignore[method-assign]
    return module


def _mended_get_writer(original: Any) -> Any:
    @functools.wraps(original)
    def get_writer(output_file: str, metadata_schema: Any = None, **kwargs: Any) -> Any:
        require_writable(output_file)
        ending = output_file.split(".")[-1]
        if ending == "bed" and metadata_schema is not None:
            return kipoi.writers.BedBatchWriter(file_path=output_file, metadata_schema=metadata_schema)
        if ending == "tsv":
            return kipoi.writers.TsvBatchWriter(file_path=output_file)
        return original(output_file, metadata_schema, **kwargs)

    return get_writer


def _with_small_chunks(original: Any) -> Any:
    @functools.wraps(original)
    def __init__(self: Any, file_path: str, chunk_size: int = HDF5_CHUNK_ROWS, **kwargs: Any) -> None:  # noqa: N807
        require_writable(file_path)
        if os.path.exists(file_path):
            raise InputError(
                f"{file_path}: exists already, and kipoi would write into it; remove it or name another file"
            )
        original(self, file_path, chunk_size, **kwargs)

    return __init__
