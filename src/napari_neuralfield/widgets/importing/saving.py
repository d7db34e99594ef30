"""A recording as .acq.h5, written in the background; the bar in napari's activity dock can cancel it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info

from ...app.lapse_corrections import Unwanted
from ..kit.activity import Activity
from ..kit.threads import Background

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition


def save_recording(background: Background, path: Path, complete: Callable[[], Acquisition]) -> None:
    """Write frames and numbers; cancelled, nothing of them is left.

    Parameters
    ----------
    background : delivers in the window's thread.
    path : of the file.
    complete : makes what is written, in the thread.
    """
    stopped: list[bool] = []
    bar = Activity(f"saving {path.name}", lambda: stopped.append(True))

    def report(done: int, total: int) -> None:
        if stopped:
            raise Unwanted
        background.post(bar.move_to, done / total)

    def work() -> bool:
        from ...io import save_acquisition

        try:
            save_acquisition(path, complete(), report)
        except Unwanted:
            return False
        return True

    def end(written: bool) -> None:
        bar.close()
        show_info(f"saved {path}" if written else f"saving was cancelled; there is no new {path.name}")

    def fail(text: str) -> None:
        bar.close()
        show_error(text)

    background.run(work, end, fail)
