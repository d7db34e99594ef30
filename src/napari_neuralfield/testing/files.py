"""What readers and writers keep to."""

from __future__ import annotations

import pickle
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..data.acquisition import KINDS, Draft, quantities
from ..data.derived import DERIVING
from ..registry import READERS, WRITERS
from ..types import InputError
from .asking import attempt, near, refuses_only_in_words, require

if TYPE_CHECKING:
    from ..types import Reader


def check_reader(reader: str | Reader, path: str | Path) -> Draft:
    """A reader knows its files by their names and keys, reads frames lazily, guesses nothing and complains in words.

    Parameters
    ----------
    reader : its registered name, or a reader.
    path : a file or folder that it reads.

    Returns
    -------
    What it read, for what else is to be looked at.

    Raises
    ------
    AssertionError : in one sentence, for the first thing that is not so.
    """
    name = reader if isinstance(reader, str) else type(reader).__name__
    ready = READERS[reader]() if isinstance(reader, str) else reader
    path = Path(path)
    require(getattr(ready, "reads", ""), f"reader {name} has no text `reads`, which says what can be read")
    supported = attempt(f"supports of reader {name}", lambda: ready.supports(path))
    require(supported, f"reader {name} does not support {path}")
    _check_refusals(name, ready)
    draft = attempt(f"reader {name}", lambda: ready.read(path))
    require(isinstance(draft, Draft), f"reader {name} returns {type(draft).__name__}, not a Draft")
    _check_frames(name, draft)
    _check_draft(name, draft)
    if path.is_file():
        _check_cut_short(name, ready, path)
    return draft


def _check_refusals(name: str, reader: Reader) -> None:
    """Files of other people are left alone."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "notes.unheard-of"
        text.write_text("nothing to be read", encoding="utf-8")
        for path in (text, Path(folder) / "there-is-none.unheard-of"):
            what = f"supports of reader {name} for a foreign file"
            supported = attempt(what, partial(reader.supports, path))
            require(not supported, f"reader {name} says it supports {path.name}, which is not its format")


def _check_frames(name: str, draft: Draft) -> None:
    """(frame, y, x), indexed one by one, and picklable for other processes."""
    shape = tuple(draft.frames.shape)
    require(len(shape) == 3 and min(shape) > 0, f"reader {name}: frames are {shape}; they must be (frame, y, x)")
    real = np.dtype(draft.frames.dtype).kind in "uif"
    require(real, f"reader {name}: frames are {draft.frames.dtype}; they must be real numbers")
    last = np.asarray(attempt(f"reader {name}: reading the last frame", lambda: draft.frames[shape[0] - 1]))
    require(last.shape == shape[1:], f"reader {name}: one frame is {last.shape}, but the stack says {shape[1:]}")
    require(last.dtype == draft.frames.dtype, f"reader {name}: a frame is {last.dtype}, not {draft.frames.dtype}")
    copy = attempt(f"reader {name}: pickling the frames", lambda: pickle.loads(pickle.dumps(draft.frames)))
    require(np.array_equal(copy[shape[0] - 1], last, equal_nan=True), f"reader {name}: pickled frames are others")


def _check_draft(name: str, draft: Draft) -> None:
    """Values have known names; where none is missing, they make an acquisition that a file keeps."""
    from ..io import open_acquisition, save_acquisition

    require(draft.kind in KINDS, f"reader {name}: kind is {draft.kind!r}; it must be one of {', '.join(KINDS)}")
    unknown = set(draft.values) - {*quantities(draft.kind), *DERIVING.get(draft.kind, ()), "title"}
    require(not unknown, f"reader {name} gives {', '.join(sorted(unknown))}, which kind {draft.kind} does not know")
    if draft.missing():
        try:
            draft.complete()
        except InputError:
            return
        raise AssertionError(f"reader {name}: {draft.missing()[0]} is missing, but the acquisition is complete")
    acquisition = attempt(f"reader {name}: the values that it gives", draft.complete)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.acq.h5"
        attempt(f"saving what reader {name} read", lambda: save_acquisition(path, acquisition))
        back = open_acquisition(path)
        same = np.array_equal(back.frames[0], acquisition.frames[0], equal_nan=True)
        require(same and back.kind == acquisition.kind, f"reader {name}: the frames are others after saving them")
        for key, value in acquisition.values().items():
            if isinstance(value, float | int | np.ndarray):
                require(near(back.values()[key], value, 1e-6), f"reader {name}: {key} is another one after saving it")


def _check_cut_short(name: str, reader: Reader, path: Path) -> None:
    """Half a file is refused in words, by the reader or by its frames."""
    with tempfile.TemporaryDirectory() as folder:
        half = Path(folder) / path.name
        half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

        def read() -> None:
            if reader.supports(half):
                frames = reader.read(half).frames
                for number in range(frames.shape[0]):
                    frames[number]

        refuses_only_in_words(f"reader {name} on half of {path.name}", read)


def check_writer(ending: str) -> None:
    """A writer takes complex and real planes in strips of any height, and leaves nothing behind where they end early.

    Parameters
    ----------
    ending : of the files that it writes, such as '.csv'.

    Raises
    ------
    AssertionError : in one sentence, for the first thing that is not so.
    """
    from ..io.writers.images import save_planes, save_strips

    require(ending in WRITERS, f"nothing writes files that end in {ending}")
    rng = np.random.default_rng(0)
    real = rng.random((2, 6, 5), dtype=np.float32) + 1
    z_um, shape = [0.0, 1.5], (6, 5)
    with tempfile.TemporaryDirectory() as folder:
        for what, planes in (("real", real), ("complex", real * np.exp(1j * real).astype(np.complex64))):
            whole, strips = (Path(folder) / f"{what}-{way}{ending}" for way in ("whole", "strips"))
            said = f"writing {what} planes as {ending}"
            attempt(said, partial(save_planes, whole, planes, z_um, pixel_um=0.5, count=2))
            parts = [planes[0, :4], planes[0, 4:], planes[1, :1], planes[1, 1:]]
            attempt(said, partial(save_strips, strips, parts, z_um, pixel_um=0.5, shape=shape, sample=parts[0]))
            require(whole.exists() and strips.exists(), f"{said} leaves no file")
        short, said = Path(folder) / f"short{ending}", f"writing too few planes as {ending}"
        refuses_only_in_words(said, partial(save_strips, short, [real[0]], z_um, pixel_um=0.5, shape=shape))
        require(not short.exists(), f"{said} leaves a file that is not whole")
