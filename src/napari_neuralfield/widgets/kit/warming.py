"""Imports in threads that let the window go on. Imports no Qt."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

BEHIND_S = 0.02  # the window is busy when it has not come back for longer
PAUSE_S, MOST_S = 0.005, 0.15  # one wait for it, and before one module
QUIET_S = 0.15  # the window has nothing to do when it has come back in time for so long
LOAD_S = 1.0  # a large library is loaded by then
ALL_S = 4.0  # in all: a window that waits for an import must not be waited for
MANY = 50  # modules
TURN_S = 0.0005  # until a thread gives Python's lock to another that waits for it; Python's own is 0.005


class Courtesy:
    """Asked before every import: one in a thread of ours waits a little while the window is busy.

    Python takes turns between threads; a window that shares them with an import is half as fast.
    """

    def __init__(self) -> None:
        self._beat: float | None = None
        self._late = 0.0  # when it came back late
        self._left = ALL_S
        self._threads: set[int] = set()
        self.loading: int | None = None  # the thread that loads a large library now: others would wait with the lock

    def beat(self, lives: bool = True) -> None:
        """The window has come back to its events; `lives` says that it will say so again."""
        if self._busy():
            self._late = time.perf_counter()
        self._beat = time.perf_counter() if lives else None

    def join(self) -> None:
        """The thread that calls is one of ours."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        self._threads.add(threading.get_ident())

    def leave(self) -> None:
        """It ends."""
        self._threads.discard(threading.get_ident())

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Part of Python's imports: nothing is found here, so that `name` is looked for on `path` for `target`."""
        me = threading.get_ident()
        if me not in self._threads:
            return
        until = time.perf_counter() + LOAD_S
        while self.loading not in (None, me) and time.perf_counter() < until:
            time.sleep(PAUSE_S)
        until = time.perf_counter() + MOST_S
        while self._left > 0 and self._busy() and time.perf_counter() < until:
            time.sleep(PAUSE_S)
            self._left -= PAUSE_S

    def wait_for_quiet(self) -> None:
        """Until the window has nothing to do, for a second or two at most."""
        until = time.perf_counter() + ALL_S
        while self._beat is not None and time.perf_counter() < until:
            if not self._busy() and time.perf_counter() - self._late > QUIET_S:
                return
            time.sleep(PAUSE_S)

    def _busy(self) -> bool:
        beat = self._beat
        return beat is not None and time.perf_counter() - beat > BEHIND_S


COURTESY = Courtesy()
_LOADING = threading.Lock()


_IMPORTING: set[object] = set()


@functools.cache
def make_room() -> None:
    """Let the window go on beside our threads; called once, before the first of them.

    Threads hand Python's lock over sooner: a window that calls Qt gives it away and waits for it at every call. What
    napari has loaded stays for good and is not looked through for cycles any more, as it is else whenever a layer goes.
    """
    sys.setswitchinterval(TURN_S)
    gc.freeze()


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Import a large library inside, or as a decorator of what does.

    Python looks through all objects for cycles as their number grows, and again whenever napari takes a layer out. The
    window stands still meanwhile: 0.2 s beside an import of PyTorch, 0.3 s with all its objects later. So it does not
    look during the import, and what is there afterwards, which stays for good, is never looked through again.
    """
    me, before = object(), len(sys.modules)
    _IMPORTING.add(me)
    gc.disable()
    try:
        yield
    finally:
        _IMPORTING.discard(me)
        if len(sys.modules) - before > MANY:
            gc.freeze()
        if not _IMPORTING:
            gc.enable()


@importing()
def import_torch() -> None:
    """Import torch; call it in a thread.

    Python keeps its lock, which the window waits for, while it loads a library; a call through ctypes does without. The
    system's own lock is held still: whoever looks up a function of OpenGL, as for a first picture, waits 0.2 s.
    """
    with _LOADING:
        if sys.platform == "linux" and "torch" not in sys.modules:
            COURTESY.wait_for_quiet()
            COURTESY.loading = threading.get_ident()
            try:
                _load_library()
            finally:
                COURTESY.loading = None
    importlib.import_module("torch")


def _load_library() -> None:
    found = importlib.util.find_spec("torch")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        library = Path(folder) / "lib" / "libtorch_python.so"
        if library.is_file():
            load = ctypes.CDLL(None).dlopen
            load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
            load(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL)
