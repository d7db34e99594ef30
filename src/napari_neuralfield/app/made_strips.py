"""Strips of images that take long: while checkpoints are kept, those that are made wait beside the output."""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from numpy.lib.format import read_array, write_array

from ..types import InputError

Piece = TypeVar("Piece")
Made = tuple[np.ndarray, ...]
AHEAD = 2**26  # bytes that are held before they are written: short work is not written twice


def made_strips(
    output: Path, pieces: Sequence[Piece], make: Callable[[Piece], Made], said: list[Any] | None = None
) -> Iterator[Made]:
    """`make(piece)` of all pieces in their order; what an unfinished run had made comes from the disk.

    Parameters
    ----------
    output : that the strips are for.
    pieces : of it.
    make : the strip of a piece, always as many arrays.
    said : list to which `make` adds what is said of the pieces; kept and taken up with them.

    Raises
    ------
    InputError : where what was made cannot be read.
    """
    from ..io.native.checkpoint_file import checkpoint_of, made_beside
    from ..recon.engine import checkpoint

    loop, said = checkpoint.loop("strips"), [] if said is None else said
    if not loop.kept:
        yield from map(make, pieces)
        return
    made = _Pile(made_beside(checkpoint_of(output)), loop.found or {})
    said.extend((loop.found or {}).get("said", ()))

    def now() -> dict[str, object]:
        return {**made.now(), "said": list(said)}

    try:
        yield from made.known()
        for piece in pieces[made.count :]:
            try:
                with checkpoint.using(None):  # of loops inside, those of another piece have the same names
                    strip = make(piece)
            except KeyboardInterrupt:  # it was asked to stop, and the strip took too long
                loop.reached(now)
                raise
            made.put(strip)
            if made.writable:
                loop.reached(now)
            yield strip
    finally:
        made.close()


class _Pile:
    """Strips one after the other in a file that only grows.

    Parameters
    ----------
    path : of the file.
    found : what `now` said of it; empty for a new one.
    """

    def __init__(self, path: Path, found: dict[str, Any]) -> None:
        self.path = path
        self.mark: str = found.get("mark", uuid.uuid4().hex)  # begins the file: it is not that of another run
        self.count, self.arrays, self.end = (int(found.get(name, 0)) for name in ("count", "arrays", "end"))
        self.writable, self._counts = True, bool(found)
        self._file: IO[bytes] | None = None
        self._ahead: list[Made] = []

    def known(self) -> Iterator[Made]:
        """The strips that were there at first."""
        if not self.count:
            return
        try:
            file = self.path.open("rb")
        except OSError as error:
            raise self._unreadable(error) from error
        with file:
            if file.read(len(self.mark)) != self.mark.encode():
                raise self._unreadable("of another run")
            for _ in range(self.count):
                yield self._one(file)

    def _one(self, file: IO[bytes]) -> Made:
        try:
            return tuple(read_array(file, allow_pickle=False) for _ in range(self.arrays))
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, why: object) -> InputError:
        return InputError(
            f"{self.path}: what the unfinished run had made cannot be read ({why}); begin anew without --resume"
        )

    def put(self, strip: Made) -> None:
        """One more strip; on the disk soon."""
        self._ahead.append(strip)
        self.arrays = len(strip)
        if sum(array.nbytes for made in self._ahead for array in made) > AHEAD:
            self._write()

    def now(self) -> dict[str, object]:
        """What there is, all of it on the disk."""
        self._write()
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self._counts = True
        return {"mark": self.mark, "count": self.count, "arrays": self.arrays, "end": self.end}

    def _write(self) -> None:
        try:
            if self._file is None:
                self._file = self.path.open("r+b" if self.count else "w+b")
                self._file.truncate(self.end)
                self._file.seek(self.end)
                self._file.write(b"" if self.count else self.mark.encode())
            for strip in self._ahead:
                for array in strip:
                    write_array(self._file, np.ascontiguousarray(array), allow_pickle=False)
            self.count, self.end = self.count + len(self._ahead), self._file.tell()
        except OSError as error:  # such as a full disk: the output itself may still find room
            self.writable = False
            warnings.warn(f"{self.path}: {error.strerror}; the run goes on, but could not be resumed", stacklevel=2)
            self.close()
        self._ahead = []

    def close(self) -> None:
        """No more strips; a file that no checkpoint counts goes."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if not self._counts:
            self.path.unlink(missing_ok=True)
