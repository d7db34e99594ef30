"""Work outside the window's thread: one-off work, and a worker for which only the latest request counts."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar, TypeVarTuple

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QObject, Qt, QThread, QTimer, Signal
from qtpy.QtWidgets import QApplication, QMainWindow, QWidget

from ...types import InputError
from .warming import COURTESY, make_room

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
log = logging.getLogger(__name__)
IDLE_S = 2.0  # a thread that waits longer ends; the next request starts another
_THREADS: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_LATEST: weakref.WeakSet[Latest] = weakref.WeakSet()


@atexit.register
def _end_all(seconds: float = 5.0) -> None:
    """Wait for what is under way: a thread inside torch while the interpreter goes down aborts the process."""
    until = time.monotonic() + seconds
    for latest in list(_LATEST):
        latest.close()
    for thread in list(_THREADS):
        thread.join(max(0.0, until - time.monotonic()))


class _Heart(QObject):
    """Tells the imports in our threads, as long as there are any, that the window has time."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._beat)
        self._timer.start(10)

    def begin(self) -> None:
        if not self._timer.isActive():
            self._timer.start(10)

    def _beat(self) -> None:
        lives = any(thread.is_alive() for thread in list(_THREADS))
        COURTESY.beat(lives)
        if not lives:
            self._timer.stop()


_HEARTS: list[_Heart] = []


class _Closing(QObject):
    """Lets Python look through all objects again when a window closes: it is one of them, and has to go."""

    def eventFilter(self, window: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Close:
            gc.unfreeze()
        return False


def _watch_windows() -> None:
    """Called in the window's thread, before what is there is set aside for good."""
    for window in QApplication.topLevelWidgets():
        if isinstance(window, QMainWindow) and window.findChild(_Closing) is None:
            window.installEventFilter(_Closing(window))


def _beat_for_imports() -> None:
    """Called in the window's thread."""
    application = QApplication.instance()
    if application is None or QThread.currentThread() is not application.thread():
        return
    _watch_windows()
    if not _HEARTS or not isalive(_HEARTS[0]):
        _HEARTS[:] = [_Heart()]
    _HEARTS[0].begin()


def _start(task: Callable[[], None], name: str) -> threading.Thread:
    def work() -> None:
        COURTESY.join()
        try:
            task()
        finally:
            COURTESY.leave()

    _beat_for_imports()
    make_room()
    thread = threading.Thread(target=work, name=f"neuralfield-{name}", daemon=True)
    _THREADS.add(thread)
    thread.start()
    return thread


def window_works() -> bool:
    """Whether the window answers its user just now, so that nobody waits for a value: not so in a script or a test."""
    thread = QThread.currentThread()
    return QApplication.instance() is not None and thread is not None and thread.loopLevel() > 0


def explain(error: BaseException) -> str:
    """A sentence for the user about an error in the background."""
    if isinstance(error, InputError):
        return str(error)
    log.error("background work failed", exc_info=error)
    return f"unexpected error ({type(error).__name__}: {' '.join(str(error).split())})"


_ENDS: set[Callable[[], None]] = set()  # to be called still: Python's collector takes apart what nobody else holds


def when_gone(owner: QObject, *ends: Callable[[], object]) -> None:
    """Call `ends` when the window system destroys `owner`; none of them may touch it: it is being destroyed."""

    def end() -> None:
        _ENDS.discard(end)
        for call in ends:
            call()

    _ENDS.add(end)
    owner.destroyed.connect(end)


def listen(owner: QObject, signal: Announces, slot: Callable[..., object]) -> None:
    """Have `slot`, a method, called until the window system destroys `owner`, which may happen before Python lets go.

    Parameters
    ----------
    owner : the widget that listens, or one that it is part of.
    signal, slot : of somebody who lives longer, and what is called.
    """
    signal.connect(slot)
    weak = weakref.WeakMethod(slot)

    def end() -> None:
        if (method := weak()) is not None:
            signal.disconnect(method)

    when_gone(owner, end)


class Announces(Protocol):
    """A signal of psygnal, or an event of napari."""

    def connect(self, slot: Callable[..., object], /) -> object: ...

    def disconnect(self, slot: Callable[..., object], /) -> object: ...


_LEAVING: set[QWidget] = set()


class EndsWhenClosed(QObject):
    """Destroys a dock that the user has closed: napari only takes it out of its window, with all that it holds.

    Python must not come first: its collector takes the slots of `destroyed` apart before they are called.
    """

    closed = Signal()

    def __init__(self, dock: QWidget) -> None:
        super().__init__(dock)
        self._dock = weakref.ref(dock)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._end)
        dock.installEventFilter(self)
        dock.destroyed.connect(_let_go_soon)

    def eventFilter(self, dock: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if isinstance(dock, QWidget) and dock.parent() is None:
                _LEAVING.add(dock)
            self._soon.start(0)  # whoever moves it elsewhere has done so by then
        return False

    def _end(self) -> None:
        dock = self._dock()
        if dock is None:
            return
        if dock.parent() is None:
            self.closed.emit()
            dock.deleteLater()
        else:
            _LEAVING.discard(dock)


def _let_go_soon() -> None:
    QTimer.singleShot(0, _let_go)


def _let_go() -> None:
    """Forget the docks that are gone."""
    for dock in [dock for dock in _LEAVING if not isalive(dock)]:
        _LEAVING.discard(dock)


class Background(QObject):
    """Runs work in threads and delivers what it returns in the thread that made this object.

    After `close` nothing is delivered any more, so that a dock that is gone is never called.
    """

    _arrived = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._closed = False
        self._arrived.connect(self._call, Qt.ConnectionType.QueuedConnection)

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def post(self, function: Callable[[*Ts], object], *values: *Ts) -> None:
        """Call `function(*values)` in the window's thread soon; may be used from any thread."""
        if not self._closed:
            with contextlib.suppress(RuntimeError):  # the window system is gone
                self._arrived.emit(function, values)

    def run(
        self, work: Callable[[], T], done: Callable[[T], object], failed: Callable[[str], object]
    ) -> threading.Thread:
        """Do `work()` in a thread, then `done(its value)` or `failed(a sentence)` in the window's thread."""

        def follow() -> None:
            try:
                value = work()
            except BaseException as error:  # RuntimeError too: torch's out-of-memory is one
                self.post(failed, explain(error))
            else:
                self.post(done, value)

        return _start(follow, "background")

    def _call(self, function: Callable[..., object], values: tuple[object, ...]) -> None:
        if not self._closed:
            function(*values)


class Latest(Generic[T]):
    """A thread that works on the newest request only; requests overtaken while it works are dropped.

    Parameters
    ----------
    background : delivers in the window's thread.
    done, failed : get the value, or the sentence.
    """

    def __init__(self, background: Background, done: Callable[[T], object], failed: Callable[[str], object]) -> None:
        self._background, self._done, self._failed = background, done, failed
        self._changed = threading.Condition()
        self._request: Callable[[], T] | None = None
        self._working = self._closed = False
        self._thread: threading.Thread | None = None
        _LATEST.add(self)

    def submit(self, work: Callable[[], T]) -> None:
        with self._changed:
            self._request = work
            if self._thread is None and not self._closed:
                self._thread = _start(self._follow, "latest")
            self._changed.notify()

    @property
    def busy(self) -> bool:
        with self._changed:
            return self._working or self._request is not None

    @property
    def overtaken(self) -> bool:
        """Whether what is worked on is no longer wanted."""
        return self._closed or self._request is not None

    def close(self, timeout: float | None = None) -> None:
        """End the thread after the work in hand; wait for it at most `timeout` seconds (not at all where None)."""
        with self._changed:
            self._closed, self._request = True, None
            self._changed.notify()
        if timeout is not None and self._thread is not None:
            self._thread.join(timeout)

    def _follow(self) -> None:
        while True:
            with self._changed:
                self._working = False
                called = self._changed.wait_for(lambda: self._closed or self._request is not None, IDLE_S)
                if self._closed:
                    return
                if not called:
                    self._thread = None
                    return
                work, self._request, self._working = self._request, None, True
            assert work is not None
            try:
                value = work()
            except BaseException as error:
                self._background.post(self._failed, explain(error))
            else:
                self._background.post(self._done, value)
                del value  # the thread waits on and must keep nothing
            del work
