"""The file that an unfinished run can go on from, beside the output that it will have."""

from __future__ import annotations

import functools
import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ... import __version__
from ...data.acquisition import Acquisition
from ...data.frames import evenly_chosen
from ...types import InputError
from . import atomic
from .staging import tidy

ARRAYS = ("ndarray", "dtype", "_reconstruct", "scalar")  # what NumPy makes arrays of
PLAIN = {f"builtins.{kind.__name__}": kind for kind in (bytes, complex, range, slice)}  # empty arrays hold bytes
READ_WHOLE = 2**28  # bytes of frames that are all looked at
LOOKED_AT = 64  # frames of larger stacks
TYPES = [found for found in vars(np.dtypes).values() if isinstance(found, type)]
BEGIN_ANEW = "repeat the command as it was, or begin anew without --resume"


def checkpoint_of(output: str | Path) -> Path:
    """Where the run that writes `output` keeps how far it is."""
    path = Path(output)
    return path.with_name(f"{path.name}.checkpoint")


def made_beside(checkpoint: Path) -> Path:
    """Where the parts of the output that are made already lie, of which the `checkpoint` says how many count."""
    return checkpoint.with_name(f"{checkpoint.name}.made")


class CheckpointFile:
    """What a run has done so far, in a file that is whole at any time.

    Parameters
    ----------
    path : of the file, see `checkpoint_of`.
    of : what the run is of, by the name a user knows it by, such as 'file', 'option passes' -> JSON-ready; a run that
        goes on must be of the same. A function of no arguments is asked for it when it is first needed.
    """

    def __init__(self, path: Path, of: Mapping[str, object] | Callable[[], Mapping[str, object]]) -> None:
        self.path, self._told = path, of

    @functools.cached_property
    def _of(self) -> dict[str, object]:
        told = self._told() if callable(self._told) else self._told
        found: dict[str, object] = json.loads(json.dumps({"version": __version__, **told}, default=str))
        return found

    def save(self, parts: dict[str, Any]) -> None:
        """Replace the file by one with these `parts`."""
        with atomic.writing(self.path) as temporary:
            torch.save({"of": json.dumps(self._of), "parts": parts}, temporary)

    def load(self) -> dict[str, Any]:
        """The parts that were saved.

        Raises
        ------
        InputError : where there is no such file, it is damaged, or of a run that is not the same.
        """
        if not self.path.is_file():
            raise InputError(f"{self.path}: there is no unfinished run to go on from; leave --resume out to begin anew")
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(self.path)
            with torch.serialization.safe_globals([*(_allowed(name) for name in names), *TYPES]):
                kept = torch.load(self.path, weights_only=True)
            of, parts = json.loads(kept["of"]), dict(kept["parts"])
        except Exception as error:  # whatever a damaged file does to a reader
            raise InputError(
                f"{self.path}: the unfinished run cannot be read ({type(error).__name__}); begin anew without --resume"
            ) from error
        self._compare(of)
        return parts

    def _compare(self, of: Mapping[str, object]) -> None:
        for name in {**of, **self._of}:
            if of.get(name) != self._of.get(name):
                raise InputError(
                    f"{self.path}: the unfinished run had {name} {_short(of.get(name))} and this one has "
                    f"{_short(self._of.get(name))}; {BEGIN_ANEW}"
                )

    def remove(self) -> None:
        """Take the file away: the run is done."""
        self.path.unlink(missing_ok=True)
        tidy(self.path)
        made_beside(self.path).unlink(missing_ok=True)


def _allowed(name: str) -> Any:
    """The class or function `name`, where it is plain, ours, a layer, or NumPy's for arrays: nothing else is run."""
    if name in PLAIN:
        return PLAIN[name]
    module, _, what = name.rpartition(".")
    package = __name__.split(".", 1)[0]
    ours = f"{module}.".startswith((f"{package}.", "torch.nn.modules."))
    if ours or (name.startswith("numpy.") and what in ARRAYS):
        found = getattr(importlib.import_module(module), what)
        if isinstance(found, type) or not ours:
            return found
    raise ValueError(f"{name} is no part of a run")


def _short(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def fingerprint(acquisition: Acquisition) -> str:
    """16 hexadecimal digits of the frames and of every value; of a large stack some frames stand for all."""
    frames, found = acquisition.frames, hashlib.blake2b(digest_size=8)
    found.update(repr((acquisition.kind, frames.shape, str(frames.dtype))).encode())
    for name, value in sorted(acquisition.values().items()):
        if name != "title":
            found.update(f"{name} {value!r}".encode() if np.ndim(value) == 0 else name.encode() + _bytes(value))
    size = int(np.prod(frames.shape)) * np.dtype(frames.dtype).itemsize
    count = len(frames.shape) and frames.shape[0]
    for number in range(count) if size <= READ_WHOLE else evenly_chosen(count, LOOKED_AT):
        found.update(_bytes(frames[int(number)]))
    return found.hexdigest()


def digest(*values: object) -> str:
    """16 hexadecimal digits of the contents of arrays, tensors and files."""
    found = hashlib.blake2b(digest_size=8)
    for value in values:
        if isinstance(value, Path):
            with value.open("rb") as file:
                found.update(hashlib.file_digest(file, "blake2b").digest())
        else:
            found.update(_bytes(value))
    return found.hexdigest()


def _bytes(value: object) -> bytes:
    return np.ascontiguousarray(np.asarray(value)).tobytes()
