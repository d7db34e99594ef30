"""Runs of the window that were cut short: how far each is lies in the cache folder, and a later one goes on there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...app.job import Job, checkpoint_folder
from ...types import Event
from ..kit.preferences import preference
from .plan import Plan, plan_run

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition
    from ...recon.engine.checkpoint import Checkpoint

KEPT_DAYS = 30
EVERY_S = 30.0


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A run that can go on.

    Parameters
    ----------
    path : of its checkpoint.
    title, method, values : what it is called, and its options.
    region : (y, x) first and last pixel of the part of the frames, None for all of them.
    frames : fingerprint of the whole acquisition.
    share : of all steps that are done.
    """

    path: Path
    title: str
    method: str
    values: dict[str, Any]
    region: list[list[int]] | None
    frames: str
    share: float

    @property
    def sentence(self) -> str:
        """What is offered."""
        when = time.strftime("%d %b %H:%M", time.localtime(self.path.stat().st_mtime)).lstrip("0")
        return f"Go on with the run of {self.title}, {self.method}, of {when}, at {self.share:.0%}?"

    def plan(self, acquisition: Acquisition) -> Plan:
        """The run as it was, of the whole `acquisition`."""
        if self.region is None:
            return plan_run(acquisition, self.method, self.values)
        y, x = (slice(*ends) for ends in self.region)
        return plan_run(acquisition, self.method, self.values, (y, x))

    def discard(self) -> None:
        """Take it away."""
        for path in (self.path, _about(self.path)):
            path.unlink(missing_ok=True)


class Keeper:
    """Keeps how far the run of a `plan`, called `title`, has come; goes on with one that is `unfinished`."""

    def __init__(self, plan: Plan, title: str, unfinished: Unfinished | None = None) -> None:
        self._plan, self._title, self._unfinished = plan, title, unfinished
        self._every_s = preference("runs", "checkpoint_seconds", EVERY_S)
        self._checkpoint: Checkpoint | None = None
        self.job: Job | None = None  # that runs it

    def stop_soon(self) -> None:
        """Ask the run to end at the next place from which it can go on."""
        if self._checkpoint is not None:
            self._checkpoint.stop_soon()

    def events(self) -> Iterator[Event]:
        """The plan's, in the job's thread; a finished run leaves nothing to go on from."""
        if self._plan.tiles is not None:  # they are kept in their folder
            yield from self._plan.events()
            return
        from ...io.native.checkpoint_file import CheckpointFile, fingerprint
        from ...recon.engine.checkpoint import Checkpoint, using

        plan, frames = self._plan, fingerprint(self._plan.whole)
        told = {"method": plan.recipe.method, "values": plan.recipe.model_dump(mode="json"), "region": plan.region}
        digest = hashlib.blake2b(json.dumps([frames, told], sort_keys=True).encode(), digest_size=8).hexdigest()
        name = re.sub(r"[^\w.-]+", "_", f"{self._title}-{plan.recipe.method}")[:120]
        path = checkpoint_folder() / f"{name}-{digest}.checkpoint"
        file = CheckpointFile(path if self._unfinished is None else self._unfinished.path, {"frames": frames, **told})
        checkpoint = self._checkpoint = Checkpoint(file, self._every_s, resume=self._unfinished is not None)
        about = {"title": self._title, **told, "frames": frames}
        checkpoint.beside("how far", lambda: self._tell(file.path, about))
        if self.job is not None:
            self.job.checkpoint_path = path.with_suffix(".nfield")
        with using(checkpoint):
            yield from plan.events()
        file.remove()
        _about(file.path).unlink(missing_ok=True)

    def _tell(self, path: Path, about: dict[str, Any]) -> float:
        """Write what is offered later beside the checkpoint; the share of the run that is done."""
        from ...io.native import atomic

        share = 0.0 if self.job is None else self.job.share
        with atomic.writing(_about(path)) as temporary:
            Path(temporary).write_text(json.dumps({**about, "share": share}), encoding="utf-8")
        return share


def unfinished_of(acquisition: Acquisition) -> Unfinished | None:
    """The newest run of the same frames that can go on; reads frames, so call it outside the window's thread."""
    from ...io.native.checkpoint_file import fingerprint

    every = sorted(checkpoint_folder().glob("*.checkpoint"), key=lambda path: path.stat().st_mtime, reverse=True)
    frames = fingerprint(acquisition) if every else ""
    for path in every:
        try:
            found = Unfinished(path, **json.loads(_about(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # of another version, or cut short itself
            continue
        if found.frames == frames:
            return found
    return None


def clean() -> None:
    """Take away what is older than the days that the user wants to keep."""
    days = preference("runs", "keep_days", KEPT_DAYS)
    for path in checkpoint_folder().iterdir():
        if path.is_file() and time.time() - path.stat().st_mtime > days * 86400:
            path.unlink(missing_ok=True)


def _about(path: Path) -> Path:
    return path.with_suffix(".json")
