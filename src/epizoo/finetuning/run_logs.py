"""Logs of a training: a CSV table, TensorBoard, Weights & Biases (offline)."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from epizoo.errors import InputError, MissingDependencyError
from epizoo.files import atomic_path

LOGS = ("csv", "tensorboard", "wandb")
Row = dict[str, Any]


@contextmanager
def open_logs(kinds: Iterable[str], folder: Path, settings: Row, name: str) -> Iterator[Callable[[Row], None]]:
    """A function that writes a row of figures to all logs that were asked for.

    Args:
        kinds: some of `LOGS`: ``csv`` is ``history.csv``, written again after each row; ``tensorboard`` an event file
            in ``tensorboard/``; ``wandb`` a run in ``wandb/``, offline unless WANDB_MODE says otherwise.
        folder: of the run.
        settings: what to note about the run.
        name: what to call it.

    Raises:
        InputError: a kind is unknown.
        MissingDependencyError: its package is not installed.
    """
    wanted = list(dict.fromkeys(kinds))
    for kind in wanted:
        if kind not in LOGS:
            raise InputError(f"log: {kind!r} is unknown; expected some of {', '.join(LOGS)}")
    opened = {"csv": _csv_log, "tensorboard": _tensorboard_log, "wandb": _wandb_log}
    with ExitStack() as stack:
        writers = [stack.enter_context(opened[kind](folder, settings, name)) for kind in wanted]

        def log(row: Row) -> None:
            for write in writers:
                write(row)

        yield log


@contextmanager
def _csv_log(folder: Path, settings: Row, name: str) -> Iterator[Callable[[Row], None]]:
    rows: list[Row] = []

    def write(row: Row) -> None:
        rows.append(row)
        columns = list(dict.fromkeys(key for other in rows for key in other))
        with atomic_path(folder / "history.csv") as path, open(path, "w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, columns)
            table.writeheader()
            table.writerows(rows)

    yield write


@contextmanager
def _tensorboard_log(folder: Path, settings: Row, name: str) -> Iterator[Callable[[Row], None]]:
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise MissingDependencyError("log: tensorboard is not installed; pip install tensorboard, or log csv") from None
    events = EventFileWriter(str(folder / "tensorboard"))

    def write(row: Row) -> None:
        tag, numbers = str(row.get("stage", name)), _numbers(row)
        values = [Summary.Value(tag=f"{tag}/{key}", simple_value=value) for key, value in numbers.items()]
        events.add_event(Event(step=int(row.get("step", 0)), summary=Summary(value=values)))

    try:
        yield write
    finally:
        events.close()


@contextmanager
def _wandb_log(folder: Path, settings: Row, name: str) -> Iterator[Callable[[Row], None]]:
    try:
        import wandb
    except ImportError:
        raise MissingDependencyError("log: wandb is not installed; pip install wandb, or log csv") from None
    mode: Any = os.environ.get("WANDB_MODE", "offline")
    run = wandb.init(project="epizoo", name=name, dir=str(folder), config=settings, mode=mode)

    def write(row: Row) -> None:
        tag = str(row.get("stage", name))
        run.log({f"{tag}/{key}": value for key, value in _numbers(row).items()} | {"step": row.get("step", 0)})

    try:
        yield write
    finally:
        run.finish()


def _numbers(row: Row) -> dict[str, float]:
    return {key: float(value) for key, value in row.items() if isinstance(value, int | float) and key != "step"}
