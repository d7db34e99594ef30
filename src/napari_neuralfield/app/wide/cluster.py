"""Pieces of work in many processes: of this machine, or of any dask.distributed cluster.

No more pieces are handed out than there are threads, so that a process that dies takes only its own piece with it.
"""

from __future__ import annotations

import abc
import collections
import contextlib
import dataclasses
import importlib
import pickle
import queue
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ... import __version__, memory
from ...types import InputError
from .pieces import TRIES, Ended, EndsAll, Executor, Heard, Piece, followed, why

if TYPE_CHECKING:
    from distributed import Client, Future

PACKAGE = __name__.partition(".")[0]
ANSWER_S = 10.0  # within which a cluster must answer
LOOK_S = 0.5  # between two looks whether the cluster is still there
INSTALL = "install it with: pip install distributed"
LOCAL = {  # nothing is spilled: pieces are small, and what they compute with cannot be written to disk
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.logging": {"distributed": "critical"},
    # Freed memory goes back to the system at once by dask's own setting: a third of the time is then spent on pages.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": str(2**29),
    "distributed.nanny.pre-spawn-environ.MALLOC_MMAP_THRESHOLD_": str(2**25),
}


class Processes(abc.ABC):
    """Pieces go to a client that is begun for them."""

    def run(self, pieces: Iterable[Piece]) -> Iterator[Heard | Ended]:
        """See `Executor`.

        Parameters
        ----------
        pieces : of work.
        """
        with self._begun() as client:
            yield from _followed(client, pieces, self._name)

    @contextlib.contextmanager
    def kept(self) -> Iterator[Executor]:
        """See `Executor`."""
        with contextlib.ExitStack() as until:
            yield _Kept(lambda: until.enter_context(self._begun()), self._name)

    @property
    @abc.abstractmethod
    def _name(self) -> str:
        """As errors call them."""

    @abc.abstractmethod
    def _begun(self) -> contextlib.AbstractContextManager[Client]:
        """A client of theirs."""


@dataclasses.dataclass(frozen=True)
class LocalProcesses(Processes):
    """Processes of this machine, one thread each; one that dies is replaced.

    Parameters
    ----------
    count : of processes.
    memory_bytes : what one may use before it is ended; None: its share of what is free.
    """

    count: int
    memory_bytes: int | None = None

    @property
    def _name(self) -> str:
        return f"the {self.count} local processes"

    @contextlib.contextmanager
    def _begun(self) -> Iterator[Client]:
        _known()
        import dask
        from distributed import Client, LocalCluster

        share = self.memory_bytes or memory.free_bytes() // self.count
        with (
            dask.config.set(LOCAL),
            LocalCluster(
                n_workers=self.count,
                threads_per_worker=1,
                memory_limit=share,
                dashboard_address=":0",
                preload=[f"{__package__}.preload"],
                silence_logs=60,
            ) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client


@dataclasses.dataclass(frozen=True)
class RemoteCluster(Processes):
    """A cluster that runs already.

    Parameters
    ----------
    address : of its scheduler.
    """

    address: str

    @property
    def _name(self) -> str:
        return f"cluster {self.address}"

    @contextlib.contextmanager
    def _begun(self) -> Iterator[Client]:
        _known()
        with _reached(self.address) as client:
            _same_version(client, self.address)
            yield client


@dataclasses.dataclass
class _Kept:
    """Processes for several runs; they begin with the first."""

    begin: Callable[[], Client]
    where: str
    client: Client | None = None

    def run(self, pieces: Iterable[Piece]) -> Iterator[Heard | Ended]:
        if self.client is None:
            self.client = self.begin()
        yield from _followed(self.client, pieces, self.where)

    def kept(self) -> contextlib.AbstractContextManager[Executor]:
        return contextlib.nullcontext(self)


def _known() -> None:
    try:
        importlib.import_module("distributed")
    except ImportError:
        raise InputError(
            f"options --workers and --cluster need dask.distributed, which is not here; {INSTALL}"
        ) from None


@contextlib.contextmanager
def _reached(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"option --cluster is {address}, which does not answer within {ANSWER_S:g} s; give the address that its "
            "scheduler prints, such as tcp://10.0.0.5:8786"
        ) from error
    with client:
        yield client


def _same_version(client: Client, address: str) -> None:
    """Refuse workers that compute something else than this version would."""

    def version() -> str:
        import importlib

        return str(importlib.import_module(package).__version__)

    package = PACKAGE
    try:
        client.wait_for_workers(1, timeout=ANSWER_S)
    except TimeoutError:
        raise InputError(f"option --cluster is {address}, which has no worker; start some and run again") from None
    for worker, found in client.run(version, on_error="return").items():
        if found != __version__:
            has = "cannot load it" if isinstance(found, BaseException) else f"has {found}"
            raise InputError(
                f"option --cluster is {address}, whose worker {worker} {has}; all need {PACKAGE} {__version__}, so "
                "install that there"
            )


def _on_worker(piece: Piece, topic: str) -> tuple[object, str, bool]:
    """What a `piece` returned, why it failed, and whether that ends all; what it says goes to the `topic`."""
    from distributed import get_worker

    worker, work = get_worker(), followed(piece)
    own = worker.get_current_task()
    try:
        while own in worker.state.tasks and worker.state.tasks[own].state == "executing":
            worker.log_event(topic, pickle.dumps((piece.key, next(work))))
        return None, "cancelled", False
    except StopIteration as end:
        return end.value, "", False
    except Exception as error:  # as a sentence: not every error can be pickled
        return None, why(error), isinstance(error, EndsAll)
    finally:
        work.close()


@dataclasses.dataclass
class _Round:
    """Pieces that wait and that are handed out; all that comes back goes through one queue, in its order."""

    client: Client
    where: str
    waiting: collections.deque[tuple[Piece, int]]
    out: dict[Future, tuple[Piece, int]] = dataclasses.field(default_factory=dict)
    news: queue.SimpleQueue[object] = dataclasses.field(default_factory=queue.SimpleQueue)
    topic: str = dataclasses.field(default_factory=lambda: f"neuralfield-{uuid.uuid4().hex}")

    def hand_out(self) -> None:
        """As many pieces as there are threads."""
        free = max(1, sum(self.client.nthreads().values())) - len(self.out)
        for _ in range(min(free, len(self.waiting))):
            piece, tries = self.waiting.popleft()
            key = f"{piece.key}-{uuid.uuid4().hex}"
            future = self.client.submit(_on_worker, piece, self.topic, key=key, pure=False)
            self.out[future] = piece, tries
            future.add_done_callback(self.news.put)

    def next(self) -> object:
        """What comes next, or None.

        Raises
        ------
        InputError : where the cluster is no longer there.
        """
        try:
            return self.news.get(timeout=LOOK_S)
        except queue.Empty:
            if self.client.status != "running":
                raise self.lost() from None
            return None

    def lost(self) -> InputError:
        return InputError(f"{self.where} no longer answers; the same command goes on when it does")

    def ended(self, future: Future) -> Ended | None:
        """How a piece ended; None where it is tried again."""
        piece, tries = self.out.pop(future)
        if future.cancelled() or future.status == "lost":
            raise self.lost()
        failure = future.exception()
        outcome, error, all_over = (None, _fate(failure), False) if failure is not None else future.result()
        if all_over:
            raise EndsAll(error)
        if error and tries < TRIES:
            self.waiting.append((piece, tries + 1))
            return None
        return Ended(piece.key, outcome, error, tries)


def _fate(failure: BaseException) -> str:
    if type(failure).__name__ == "KilledWorker":
        return (
            "the process that worked on it ended suddenly, as it does where memory runs out; fewer --workers may help"
        )
    return why(failure)


def _followed(client: Client, pieces: Iterable[Piece], where: str) -> Iterator[Heard | Ended]:
    from distributed import Future

    now = _Round(client, where, collections.deque((piece, 1) for piece in pieces))
    client.subscribe_topic(now.topic, lambda event: now.news.put(event[1]))
    try:
        while now.waiting or now.out:
            try:
                now.hand_out()
                found = now.next()
                ended = now.ended(found) if isinstance(found, Future) else None
            except InputError:
                raise
            except Exception as error:  # what a piece of work raises comes as a sentence
                if isinstance(error, OSError) or client.status != "running":
                    raise now.lost() from error
                raise
            if isinstance(found, bytes):
                yield Heard(*pickle.loads(found))
            elif ended is not None:
                yield ended
    finally:
        with contextlib.suppress(Exception):  # of a cluster that is gone
            client.unsubscribe_topic(now.topic)
            client.cancel(list(now.out), force=True)
