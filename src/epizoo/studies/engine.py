"""Pieces of work done by Dask: processes of this machine, or the workers of a scheduler elsewhere."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from epizoo.errors import InputError
from epizoo.optional import require
from epizoo.studies.pieces import Outcome, Piece, run_piece

_RETRIES = 2
_WAIT_S = 15


def run_pieces(
    pieces: Sequence[Piece],
    *,
    scheduler: str | None,
    workers: int,
    memory: str | None,
    report: Callable[[Outcome], None],
) -> list[Outcome]:
    """Do all pieces, each after those that it needs.

    A piece whose worker is killed is done again by another one, and so is one that ends in an error that is not of its
    input, up to twice. What a killed worker had written under a temporary name is left and never taken for a result.

    Args:
        pieces: the pieces, each after those that it needs.
        scheduler: address of a Dask scheduler; None: processes of this machine.
        workers: number of processes, one thread each.
        memory: limit of memory of each of them, such as 4GB; a process above it is restarted.
        report: called with each outcome, as it comes.

    Raises:
        InputError: the scheduler does not answer, or a limit of memory cannot be read.
    """
    with _client(scheduler, workers, memory) as client:
        futures: dict[str, Any] = {}
        for piece in pieces:
            futures[piece.name] = client.submit(
                run_piece,
                piece,
                *(futures[need] for need in piece.needs),
                key=f"{piece.name}-{piece.key[:16]}",
                retries=_RETRIES,
                pure=False,
            )
        outcomes = []
        for future in require("distributed", "study").as_completed(list(futures.values())):
            outcome: Outcome = future.result()
            report(outcome)
            outcomes.append(outcome)
        return outcomes


@contextmanager
def _client(scheduler: str | None, workers: int, memory: str | None) -> Iterator[Any]:
    distributed = require("distributed", "study")
    if scheduler is not None:
        try:
            client = distributed.Client(scheduler, timeout=_WAIT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(
                f"--scheduler: {scheduler} does not answer as a Dask scheduler ({type(error).__name__}); start one "
                "with `dask scheduler`, or leave it out to use this machine"
            ) from None
        with client:
            yield client
        return
    try:
        with _without_interrupts():
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=memory or "auto",
                dashboard_address=None,
                silence_logs=50,
            )
    except ValueError as error:
        raise InputError(f"--memory: {memory} cannot be read ({error}); give a size such as 4GB") from None
    with cluster, distributed.Client(cluster) as client:
        yield client


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let processes that start here ignore Ctrl-C, which a terminal sends to all: this process ends them itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
