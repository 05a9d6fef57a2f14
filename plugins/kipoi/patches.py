"""Every fault of kipoi 0.8.6 that is fixed here, in kipoi's own modules alone and in this one place.

`mend_kipoi` runs when Kipoi imports a model or a dataloader of ours, before it opens a writer. ``kipoi get-example``
and ``kipoi env export`` read descriptions alone, unless the dataloader is given as an import: that is why every
``model.yaml`` names `EntryDataloader` as its default dataloader. Each of these can go once a release of kipoi does it:

- ``kipoi.writers`` reads ``np.string_`` and ``np.unicode_``, which numpy 2 removed: every HDF5 file crashes.
- ``kipoi.writers.get_writer`` passes ``dataloader_schema=`` to `BedBatchWriter`, which wants ``metadata_schema=``:
  every ``.bed`` crashes. It also passes a model's ``hdf5_chunk_size`` to the TSV writer, which does not take it, and
  has no writer for ``.zarr``, which its help offers. A ``.bed`` without ``-m`` ends in a KeyError.
- ``kipoi.writers.HDF5BatchWriter`` makes chunks of 10,000 rows unless told otherwise, and ``kipoi preproc`` cannot tell
  it: for windows these are hundreds of MB for each array. It also opens a file that exists, to append to it, and then
  fails after the first batch because the arrays are there already. Here every output replaces the file of its name.
- Its writers write into the output itself, so that a run that fails half-way leaves half a file. Here the output is
  written under a temporary name beside it and takes its name when it is closed.
- ``kipoi test`` compares only the first array of a dict of predictions: ``compare_numpy_dict`` takes the None that
  numpy's assertion returns for a difference and stops, and nobody reads its answer.
- ``kipoi get-example`` copies examples that have a URL alone: it reports success for local ones and writes nothing.
- ``kipoi env export`` writes the requirement of ``model.yaml``, ``epizoo[kipoi]>=…``, which installs only where a
  package index has that version; here it names the place that epizoo was installed from.
"""

import contextlib
import functools
import importlib.metadata
import json
import os
import shutil
import types
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import kipoi
import kipoi.cli.main
import kipoi.data
import kipoi.specs
import kipoi.writers
import numpy as np
import yaml

from epizoo.errors import InputError
from epizoo.files import check_outputs, scratch_folder
from epizoo.optional import require

HDF5_CHUNK_ROWS = 32


def mend_kipoi() -> None:
    """Mend kipoi 0.8.6 in this process; calling it again does nothing."""
    if getattr(kipoi.writers, "mended_by_epizoo", False):
        return
    kipoi.writers.np = _numpy_with_old_names()
    kipoi.writers.get_writer = _mended_get_writer(kipoi.writers.get_writer)
    kipoi.writers.HDF5BatchWriter = WholeHDF5BatchWriter
    kipoi.cli.main.compare_numpy_dict = compare_all_arrays
    kipoi.data.BaseDataLoader.download_example = classmethod(download_example)
    kipoi.specs.Dependencies.to_env_dict = _mended_to_env_dict(kipoi.specs.Dependencies.to_env_dict)
    kipoi.writers.mended_by_epizoo = True


def __getattr__(name: str) -> Any:
    if name != "EntryDataloader":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kipoi looks it up while it is in the folder of the model.yaml that names it.
    mend_kipoi()
    entry = Path(yaml.safe_load(Path("model.yaml").read_text(encoding="utf-8"))["args"]["entry"]).resolve()
    dataloader = kipoi.get_dataloader_factory(os.fspath(entry), source="dir")
    # Kipoi takes the folder of model.yaml for the dataloader's, but in a clone it may be the repository's root.
    dataloader.entry_folder = os.fspath(entry)
    for argument in dataloader.args.values():
        if isinstance(argument.example, str) and (entry / argument.example).exists():
            argument.example = os.fspath(entry / argument.example)
    return dataloader


def download_example(cls: Any, output_dir: str, absolute_path: bool = False, dry_run: bool = False) -> dict[str, Any]:
    """The dataloader's arguments for the example, its files downloaded or copied; see Kipoi's `BaseDataLoader`."""
    given = kipoi.specs.example_kwargs(cls.args, output_dir, absolute_path=absolute_path, dry_run=dry_run)
    output = Path(os.path.abspath(output_dir) if absolute_path else output_dir)
    folder = Path(getattr(cls, "entry_folder", None) or cls.source_dir).resolve()
    for name, value in given.items():
        source = folder / value if isinstance(value, str) else folder
        # What Kipoi has downloaded lies elsewhere.
        if folder not in source.parents or not source.exists():
            continue
        given[name] = str(output / source.name)
        if dry_run:
            continue
        output.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, output / source.name, copy_function=shutil.copyfile, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, output / source.name)
    return given


def installed_requirement() -> str:
    """Requirement by which pip installs this epizoo with its extra ``kipoi``: its source (PEP 610), or its version."""
    distribution = importlib.metadata.distribution("epizoo")
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if "url" not in origin:
        return f"epizoo[kipoi]=={distribution.version}"
    vcs = origin.get("vcs_info")
    url = f"{vcs['vcs']}+{origin['url']}@{vcs['commit_id']}" if vcs else origin["url"]
    return f"epizoo[kipoi] @ {url}"


def _mended_to_env_dict(original: Any) -> Any:
    @functools.wraps(original)
    def to_env_dict(self: Any, env_name: str) -> Any:
        content = original(self, env_name)
        for dependency in content["dependencies"]:
            if isinstance(dependency, dict):
                dependency["pip"] = [
                    installed_requirement() if one.startswith("epizoo[kipoi]") else one for one in dependency["pip"]
                ]
        return content

    return to_env_dict


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
        def open_writer(path: str) -> Any:
            if ending == "bed" and metadata_schema is not None:
                return _BedWriter(file_path=path, metadata_schema=metadata_schema)
            if ending == "tsv":
                return kipoi.writers.TsvBatchWriter(file_path=path)
            return original(path, metadata_schema, **kwargs)

        ending = output_file.split(".")[-1]
        if ending == "zarr":
            raise InputError(
                f"{output_file}: kipoi has no writer for zarr; use a name that ends in .h5, .parquet, .tsv or .bed"
            )
        if ending == "parquet":
            require("pyarrow", "parquet")
        known = ending in kipoi.writers.FILE_SUFFIX_MAP
        if ending in ("h5", "hdf5") or not known:
            return open_writer(output_file)
        return WholeFileWriter(output_file, open_writer)

    return get_writer


# Kipoi opens its writers without telling them what is read, but after its dataloader was made.
_inputs: set[str] = set()


def protect_inputs(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Let no writer of this process replace these files, or files in these folders."""
    _inputs.update(map(os.path.abspath, paths))


class _Temporary:
    """A path in a folder beside a file, where it is written until it is whole; removed unless `keep` is called."""

    def __init__(self, target: str) -> None:
        check_outputs([target], [path for path in _inputs if os.path.exists(path)])
        self.target = Path(target)
        scratch = contextlib.ExitStack()
        self.path = scratch.enter_context(scratch_folder(self.target.parent)) / self.target.name
        self._remove = weakref.finalize(self, _remove, scratch, os.getpid())

    def keep(self) -> None:
        """Give the file its name; nothing happens when nothing was written."""
        if self.path.exists():
            self.path.replace(self.target)
        self._remove()


def _remove(scratch: contextlib.ExitStack, process: int) -> None:
    # Forked loader workers hold copies of the writers.
    if os.getpid() == process:
        scratch.close()


class _BedWriter(kipoi.writers.BedBatchWriter):
    """Kipoi's writer of BED files, which says what it lacks."""

    def batch_write(self, batch: Any) -> None:
        """Write one batch."""
        # `kipoi predict` leaves all metadata out unless it is asked for them.
        if "metadata" not in batch:
            name = Path(self.file_path).name
            raise InputError(f"{name}: a BED file needs the windows' positions; add -m (--keep_metadata)")
        super().batch_write(batch)


class WholeFileWriter(kipoi.writers.BatchWriter):
    """Any of Kipoi's writers, its file written whole or not at all."""

    def __init__(self, file_path: str, open_writer: Callable[[str], Any]) -> None:
        self._temporary = _Temporary(file_path)
        self._writer = open_writer(str(self._temporary.path))

    def batch_write(self, batch: Any) -> None:
        """Write one batch."""
        self._writer.batch_write(batch)

    def close(self) -> None:
        """Close the file and give it its name."""
        self._writer.close()
        self._temporary.keep()


class WholeHDF5BatchWriter(kipoi.writers.HDF5BatchWriter):
    """Kipoi's HDF5 writer with chunks that fit windows, its file written whole or not at all."""

    def __init__(self, file_path: str, chunk_size: int = HDF5_CHUNK_ROWS, compression: str = "gzip") -> None:
        self._temporary = _Temporary(file_path)
        super().__init__(str(self._temporary.path), chunk_size, compression)

    def close(self) -> None:
        """Close the file and give it its name."""
        super().close()
        self._temporary.keep()
