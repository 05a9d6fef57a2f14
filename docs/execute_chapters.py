"""Run the chapters of the book, two at a time, into the cache from which Sphinx takes their outputs.

    python docs/execute_chapters.py

Sphinx would run them one after another. A chapter is run once for its cells and for this state of the package.
"""

import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import myst_nb_reader_plugin
from nbformat import NotebookNode

CHAPTERS_AT_ONCE = 2


def execute(chapters: list[Path], cache: JupyterCacheAbstract, timeout_s: int) -> list[Path]:
    """Run the chapters that are not in the cache, print the time of each, and return those that failed."""
    notebooks = {path: myst_nb_reader_plugin(path) for path in chapters}
    failed = []
    with ThreadPoolExecutor(CHAPTERS_AT_ONCE) as pool:
        runs = {
            pool.submit(single_nb_execution, notebook, str(path.parent), timeout_s, False, coalesce_streams=True): path
            for path, notebook in notebooks.items()
            if not is_cached(notebook, cache)
        }
        for run in as_completed(runs):
            path, result = runs[run], run.result()
            print(f"{result.time:6.1f} s  {path}", flush=True)
            if result.err:
                print(result.exc_string, file=sys.stderr)
                failed.append(path)
                continue
            bundle = CacheBundleIn(notebooks[path], str(path), data={"execution_seconds": result.time})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return failed


def is_cached(notebook: NotebookNode, cache: JupyterCacheAbstract) -> bool:
    """Whether the outputs of a notebook with these cells are in the cache."""
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def main() -> None:
    """Command line."""
    import conf  # sets what chapters find in their environment

    cache = get_cache(conf.nb_execution_cache_path)
    failed = execute(sorted(conf.ROOT.glob("tutorials/*/[0-9]*.md")), cache, conf.nb_execution_timeout)
    if failed:
        sys.exit(f"chapters that failed: {', '.join(map(str, failed))}")


if __name__ == "__main__":
    main()
