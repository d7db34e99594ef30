"""Work for one file that goes on while others are looked at and docks come and go; it keeps what it finds there."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, Signal

from ...app.job import Failed, Job, Stopped
from ...types import Preview, Progress, Result
from ..kit.activity import Activity
from ..kit.parts import timer
from ..kit.preferences import preference
from ..kit.session import session_of
from ..kit.threads import Background, listen, when_gone

if TYPE_CHECKING:
    import napari

    from ...data.frames import Frames


@dataclasses.dataclass(eq=False)
class FileRecord:
    """What is known of one file: its frames, as the file gave them, and its title."""

    of: Frames
    title: str


R = TypeVar("R", bound=FileRecord)


class Over:
    """The last event of work that was neither stopped nor failed."""


class FileJob(QObject, Generic[R]):
    """One job at a time, for the file of its record; a record for every file that has one.

    Parameters
    ----------
    viewer : whose files they are.
    window : that it belongs to and ends with.
    doing : what it does, as its bar in the activity dock says it.
    """

    changed = Signal()  # what goes on, or how far it is
    told = Signal(object, object)  # record and event, but not every step

    def __init__(self, viewer: napari.Viewer, window: QObject, doing: str) -> None:
        super().__init__(window)
        self._session, self._doing, self.background = session_of(viewer), doing, Background()
        self.records: list[R] = []
        self.current: R | None = None  # whose work goes on
        self.last: Progress | None = None
        self.text = ""
        self._job: Job | None = None
        self._bar: Activity | None = None
        self._turn = 0  # events of earlier jobs are dropped
        self._progress = deque[Progress](maxlen=1)
        self._tick = timer(self, 200, self._draw)
        listen(self, self._session.draft_changed, self._prune)
        listen(self, viewer.layers.events.removed, self._prune)
        holder = self.__dict__

        def cancel() -> None:
            if holder["_job"] is not None:
                holder["_job"].cancel()

        when_gone(self, self.background.close, cancel)

    # records

    @property
    def running(self) -> bool:
        return self.current is not None

    def record(self) -> R | None:
        """Of the file that is open."""
        of = self._session.frames_key()
        return next((one for one in self.records if one.of is of), None)

    def keep(self, record: R) -> None:
        """Take a `record` in the place of an earlier one of its file."""
        self.records = [*(one for one in self.records if one.of is not record.of), record]

    def forget(self, record: R) -> None:
        """Drop a `record`, and the work for it."""
        self.records = [one for one in self.records if one is not record]
        if record is self.current:
            self.abandon()

    def _prune(self, _: object = None) -> None:
        """What belongs to files that are gone goes with them."""
        for record in self.records:
            if not self._session.has(record.of) and record.of is not self._session.frames_key():
                self.forget(record)

    # work

    def start(self, record: R, work: Callable[[], Iterator[Any]]) -> None:
        """Do `work`, whose events are given to `take` with the `record`; one at a time."""
        self._turn += 1
        turn, background, follow = self._turn, self.background, self._on_event
        progress = self._progress = deque[Progress](maxlen=1)
        self.keep(record)
        self.current, self.last = record, None

        def events() -> Iterator[Any]:
            yield from work()
            yield Over()

        def tell(event: object) -> None:  # in the job's thread; not every step reaches the window
            progress.append(event) if isinstance(event, Progress) else background.post(follow, turn, event)

        self._job = Job(events, tell, describe=_bare)
        self._bar = Activity(f"{self._doing} {record.title}", self.stop)  # napari lets the window go on meanwhile
        self._job.start()
        self.say("starting …")
        self._tick.start()

    def stop(self) -> None:
        """End after the step in hand."""
        if self._job is not None:
            self._job.cancel()
            self.say("stopping after the step in hand …")

    def abandon(self) -> None:
        """End, and hear no more of it."""
        if self._job is not None:
            self._job.cancel()
            self._turn += 1
            self._end("")

    def take(self, record: R, event: object) -> None:
        """Put what an `event` says into its `record`."""

    def finish(self, record: R) -> None:
        """The work for a `record` has ended."""

    def say(self, text: str) -> None:
        """What goes on."""
        self.text = text
        self.changed.emit()

    def left_alone(self) -> None:
        """A dock is gone: say where the work that goes on can be stopped."""
        if self.current is not None:
            what = f"{self._doing} {self.current.title}"
            show_info(f"{what} goes on; stop it in the activity dock or in a new Acquisition dock")

    def _on_event(self, turn: int, event: object) -> None:
        record = self.current
        if turn != self._turn or record is None:
            return
        try:
            self.take(record, event)
            self.told.emit(record, event)
        finally:  # what cannot be shown must not leave the dock waiting
            if isinstance(event, Over | Stopped | Failed):
                self._end("cancelled; nothing was changed" if isinstance(event, Stopped) else "")
                self._announce(record, event)

    def _announce(self, record: R, event: object) -> None:
        if isinstance(event, Failed) and self._session.frames_key() is not record.of:
            show_error(f"{record.title}: {event.text}")
        if isinstance(event, Over) and preference("runs", "notify", True):
            show_info(f"{self._doing} {record.title}: done")

    def _end(self, text: str) -> None:
        record, self.current, self._job = self.current, None, None
        self._tick.stop()
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if record is not None:
            self.finish(record)
        self.say(text)

    def _draw(self) -> None:
        """Five times a second, however many events come."""
        if self._job is None:
            return
        if self._progress:
            self.last = self._progress.pop()
            if self._bar is not None:
                self._bar.move_to(self._job.share)
            if not self.text.startswith("stopping"):
                self.text = self.last.what or "running …"
        self.changed.emit()


def _bare(preview: Preview) -> Result:
    return Result(preview.field)
