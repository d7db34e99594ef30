"""One reconstruction in a thread of its own: run, pause, resume, cancel, checkpoint. Knows no Qt."""

from __future__ import annotations

import atexit
import dataclasses
import logging
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import platformdirs

from .. import memory
from ..types import Done, Event, InputError, Note, Preview, Progress, Result

log = logging.getLogger(__name__)
GRACE_S = 2.0


@dataclasses.dataclass(frozen=True)
class Failed:
    """The run ended by an error; `text` is the sentence for the user, `result` what had been computed until then.

    There is none where the method refuses what it is given before its first step.
    """

    text: str
    result: Result | None = None


@dataclasses.dataclass(frozen=True)
class Stopped:
    """The run was cancelled; `result` holds the last preview (None where there was none yet)."""

    result: Result | None = None


JobEvent = Event | Failed | Stopped
Source = Iterator[Event] | Callable[[], Iterator[Event]]


def checkpoint_folder() -> Path:
    """Where unfinished fields are kept; made where it does not exist."""
    folder = Path(platformdirs.user_cache_dir("napari-neuralfield")) / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sentence(error: BaseException) -> str:
    """What a user should read about an error."""
    if memory.is_out_of_memory(error):
        return memory.sentence(error, ("a smaller region", "fewer depths", "another device"))
    if isinstance(error, InputError):
        return str(error)
    text = " ".join(str(error).split()) or "no further details"
    return f"an unexpected error ended the reconstruction ({type(error).__name__}: {text}); what was computed is kept"


class Job:
    """Runs an event stream and hands every event on from its own thread.

    Nothing computed is lost: `last` is the newest result whatever ends the run, and with `checkpoint_path` it is
    also written there every `checkpoint_seconds`.

    Parameters
    ----------
    events : the stream, or a callable that makes it (called in the thread).
    on_event : receives every event, then `Failed` or `Stopped` where the stream does not end by itself.
    checkpoint_path : `*.nfield` to overwrite at intervals; none where None.
    describe : turns a field into the `Result` to keep; `Result(field)` where None.
    stop_soon : asks the stream to end by itself where it can go on later; it may do so for GRACE_S.
    """

    def __init__(
        self,
        events: Source,
        on_event: Callable[[JobEvent], None],
        checkpoint_path: Path | None = None,
        checkpoint_seconds: float = 30.0,
        describe: Callable[[Preview], Result] | None = None,
        stop_soon: Callable[[], None] | None = None,
    ) -> None:
        self.last: Result | None = None
        self.checkpoint_path = checkpoint_path
        self._events, self._on_event = events, on_event
        self._describe = describe or (lambda preview: Result(preview.field))
        self._seconds, self._saved_at, self._save_failed = checkpoint_seconds, time.monotonic(), False
        self._go, self._cancelled = threading.Event(), threading.Event()
        self._go.set()
        self._stop_soon, self._until = stop_soon, 0.0
        self._clock = Stopwatch()
        self._thread = threading.Thread(target=self._work, name="neuralfield-job", daemon=True)
        self._progress: Progress | None = None
        _JOBS.add(self)

    def start(self) -> Job:
        self._thread.start()
        return self

    def pause(self) -> None:
        """Hold before the next event; the step in hand is finished first."""
        self._go.clear()

    def resume(self) -> None:
        self._go.set()

    def cancel(self) -> None:
        """Close the stream after the step in hand, or where it can go on later; `Stopped` follows."""
        if self._stop_soon is not None and not self._cancelled.is_set():
            self._until = time.monotonic() + GRACE_S
            self._stop_soon()
        self._cancelled.set()
        self._go.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end; whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Started and not ended; a paused job is running."""
        return self._thread.is_alive()

    @property
    def paused(self) -> bool:
        return self.running and not self._go.is_set()

    @property
    def seconds(self) -> float:
        """Time worked so far, pauses left out."""
        return self._clock.seconds

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the steps done; None where nothing is known yet."""
        if self._progress is None or self._progress.done < 1:
            return None
        done, total = self._progress.done, max(self._progress.total, self._progress.done)
        return self._clock.seconds * (total - done) / done

    @property
    def share(self) -> float:
        """Share of all steps that are done, as far as is known."""
        return 0.0 if self._progress is None else min(1.0, self._progress.done / max(self._progress.total, 1))

    def _work(self) -> None:
        from .. import compute

        self._clock.start()
        last: Stopped | Failed | None
        try:
            with compute.leave_a_core_to_the_window():
                last = self._follow()
        except BaseException as error:  # torch's out-of-memory is a RuntimeError, a bug may be anything
            if not isinstance(error, InputError):
                log.exception("a reconstruction failed")
            refused = isinstance(error, InputError) and self.share == 0  # after a first look at the frames at most
            if refused:
                self.last = None
            last = Failed(sentence(error), self.last)
            del error
            compute.release()
        self._clock.stop()
        self._checkpoint(now=True)
        if last is not None:
            self._tell(last)
        memory.give_back()

    def _follow(self) -> Stopped | None:
        stream = self._events() if callable(self._events) else self._events
        try:
            while True:
                self._wait()
                if self._cancelled.is_set() and time.monotonic() >= self._until:
                    return Stopped(self.last)
                try:
                    event = next(stream, None)
                except KeyboardInterrupt:  # it ended where it can go on
                    return Stopped(self.last)
                if event is None:
                    return None
                self._keep(event)
                self._tell(event)
                self._checkpoint()
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def _wait(self) -> None:
        if not self._go.is_set():
            self._clock.stop()
            self._go.wait()
            self._clock.start()

    def _keep(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._progress = event
        elif isinstance(event, Preview):
            self.last = self._describe(event)
        elif isinstance(event, Done):
            self.last = event.result

    def _checkpoint(self, now: bool = False) -> None:
        due = now or time.monotonic() - self._saved_at >= self._seconds
        if self.checkpoint_path is None or self.last is None or not due:
            return
        self._saved_at = time.monotonic()
        try:
            from ..io import save_result

            save_result(self.checkpoint_path, self.last)
        except Exception as error:  # a full disk must not end a run that lasted an hour
            if not self._save_failed:
                self._tell(Note(f"{self.checkpoint_path}: the checkpoint could not be written ({error})", "warning"))
            self._save_failed = True

    def _tell(self, event: JobEvent) -> None:
        try:
            self._on_event(event)
        except Exception:
            log.exception("a listener failed on %s", type(event).__name__)


class Stopwatch:
    """Seconds that pass between start and stop, added up."""

    def __init__(self) -> None:
        self._before = 0.0
        self._since: float | None = None

    def start(self) -> None:
        if self._since is None:
            self._since = time.monotonic()

    def stop(self) -> None:
        if self._since is not None:
            self._before += time.monotonic() - self._since
            self._since = None

    @property
    def seconds(self) -> float:
        since = self._since
        return self._before + (0.0 if since is None else time.monotonic() - since)


_JOBS: weakref.WeakSet[Job] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """A thread inside torch while the interpreter goes down can crash it."""
    running = [job for job in _JOBS if job.running]
    for job in running:
        job.cancel()
    for job in running:
        job.join(3.0)
