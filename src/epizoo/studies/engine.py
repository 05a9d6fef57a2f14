"""Pieces of work done by Dask: processes of this machine, or the workers of a scheduler elsewhere."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import resource_tracker
from secrets import token_hex
from typing import Any

from epizoo.errors import InputError
from epizoo.optional import require
from epizoo.studies.pieces import run_piece
from epizoo.studies.records import Outcome, Piece

_RETRIES = 2
_WAIT_S = 15
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Variables that hold the number of threads of a library; the pieces run side by side themselves."""


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
    A piece that no worker survives has failed, and so have those that need it; all others are done.

    Args:
        pieces: the pieces, each after those that it needs.
        scheduler: address of a Dask scheduler; None: processes of this machine.
        workers: number of processes, one thread each.
        memory: limit of memory of each of them, such as 4GB; a process above it is restarted.
        report: called with each outcome, as it comes.

    Raises:
        InputError: the scheduler does not answer, or a limit of memory cannot be read.
        Exception: what a piece ended in that is no error of its input, after all others are done.
    """
    killed_worker = require("distributed", "study").scheduler.KilledWorker
    ended: dict[str, Outcome] = {}
    unexpected: list[Exception] = []

    def end(outcome: Outcome) -> None:
        ended[outcome.name] = outcome
        report(outcome)

    with _client(scheduler, workers, memory) as client:
        while left := [piece for piece in pieces if piece.name not in ended]:
            errors = _run(client, left, ended, end)
            killed = [piece for piece in left if isinstance(errors.get(piece.name), killed_worker)]
            # Dask blames all pieces that wait at a worker for its end. Which of them it was is seen by each alone.
            for piece in killed if len(left) > 1 else []:
                del errors[piece.name]
                errors |= _run(client, [piece], ended, end)
            for name, error in errors.items():
                if not isinstance(error, killed_worker):
                    unexpected.append(error)
                end(Outcome(name, _sentence(error)))
    if unexpected:
        raise unexpected[0]
    return list(ended.values())


def _run(
    client: Any, pieces: Sequence[Piece], ended: Mapping[str, Outcome], end: Callable[[Outcome], None]
) -> dict[str, Exception]:
    """Do pieces side by side; what those ended in that have no outcome, though all that they need have one."""
    futures: dict[str, Any] = {}
    for piece in pieces:
        before = [ended[need] if need in ended else futures[need] for need in piece.needs]
        # No key twice, so that no piece is taken for one of another run, or for itself at an earlier try.
        key = f"{piece.name}-{token_hex(8)}"
        futures[piece.name] = client.submit(run_piece, piece, *before, key=key, retries=_RETRIES, pure=False)
    errors: dict[str, Exception] = {}
    names = {future.key: name for name, future in futures.items()}
    for future in require("distributed", "study").as_completed(list(futures.values())):
        try:
            outcome = future.result()
        except Exception as error:
            errors[names[future.key]] = error
        else:
            end(outcome)
    return {
        piece.name: errors[piece.name] for piece in pieces if piece.name in errors and not errors.keys() & piece.needs
    }


def _sentence(error: Exception) -> str:
    """The sentence of a piece whose workers were killed, or that ended in an error of this program."""
    n_killed = getattr(error, "allowed_failures", None)
    if n_killed is None:
        return f"unexpected {type(error).__name__}"
    return (
        f"its worker was killed {n_killed + 1} times, as happens where memory is short; give each worker more, with "
        "--memory or, for those of a scheduler, where they are started"
    )


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
    _start_quiet_tracker()
    settings = require("dask", "study").config.set(
        {
            # A process that is being restarted again when this time after its first end is over would be given up.
            "distributed.deploy.lost-worker-timeout": "1000 days",
            # Dask has malloc give memory back at once as well, which takes a quarter of a call of peaks.
            "distributed.nanny.pre-spawn-environ": dict.fromkeys(_ONE_THREAD, 1),
        }
    )
    with settings, _local_cluster(workers, memory) as cluster, distributed.Client(cluster) as client:
        yield client


def _local_cluster(workers: int, memory: str | None) -> Any:
    try:
        with _without_interrupts():
            return require("distributed", "study").LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=memory or "auto",
                dashboard_address=None,
                # Dask's own port is taken where another study runs.
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                silence_logs=50,
            )
    except ValueError as error:
        raise InputError(f"--memory: {memory} cannot be read ({error}); give a size such as 4GB") from None


def _start_quiet_tracker() -> None:
    """Start Python's tracker of semaphores, which removes those that a stopped study leaves, without its complaints.

    They are silenced for as long as this process runs; a tracker that runs already stays as it is.
    """
    variable, before = "PYTHONWARNINGS", os.environ.get("PYTHONWARNINGS")
    os.environ[variable] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


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
