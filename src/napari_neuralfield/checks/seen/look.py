"""One pass over the frames: which hold nothing, which pixels hold no data, and what is left in figures."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator

import numpy as np

from ...data.acquisition import Acquisition, Ptychography
from ...data.frames import evenly_chosen
from .frames import Counting, Survey, frames_to_look_at, looked_at
from .no_data import gaps_of, lone, spikes_of, usual_in
from .pedestal import claimed_dark

THUMB = 64  # pixels along a side, at most, of the small picture kept of each frame
LOST = 0.5  # share of a frame's pixels without data beyond which it is no frame


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Looked:
    """What was seen of the frames looked at; of pixels that hold data, where not said otherwise.

    numbers : of the frames looked at (n,), of `total`.
    means, spreads : mean and range of each (n,); NaN where it holds no data.
    sums : checksum of each, gaps and all.
    thumbs : small pictures (n, y, x), float32.
    gaps : pixels without data in all these frames (y, x). gaps_at : frame -> positions of others in it alone.
    spikes : frame -> positions of single pixels far above what lies round them.
    brightest, dimmest, mean : of every pixel over the frames that vary (y, x), float32; of `varying` frames.
    lone : how often a pixel of a far-field pattern is far above all around it (y, x).
    gap_values : some of the values in the gaps.
    rise : from the middle to nearly the highest value of the dimmer frames.
    survey : the figures of the other checks, which hold where nothing is changed.
    """

    numbers: np.ndarray
    total: int
    means: np.ndarray
    spreads: np.ndarray
    sums: list[int]
    thumbs: np.ndarray
    gaps: np.ndarray
    gaps_at: dict[int, np.ndarray]
    spikes: dict[int, np.ndarray]
    brightest: np.ndarray
    dimmest: np.ndarray
    mean: np.ndarray
    varying: int
    lone: np.ndarray
    gap_values: tuple[float, ...] = ()
    rise: float = 0.0
    survey: Survey | None = None

    @property
    def where(self) -> str:
        """Which frames were looked at, for a sentence."""
        return looked_at(self.numbers, self.total)

    def without(self, numbers: np.ndarray) -> Looked:
        """The same without some frames, where it is of single ones."""
        keep = np.flatnonzero(~np.isin(self.numbers, numbers))
        return dataclasses.replace(
            self, numbers=self.numbers[keep], means=self.means[keep], spreads=self.spreads[keep],
            sums=[self.sums[i] for i in keep], thumbs=self.thumbs[keep],
        )  # fmt: skip

    @property
    def empty(self) -> np.ndarray:
        """Numbers of the frames without data."""
        return self.numbers[~np.isfinite(self.means)]

    @property
    def uniform(self) -> np.ndarray:
        """Numbers of the frames that hold one value everywhere."""
        return self.numbers[self.spreads == 0]


class _Tally:
    """What is added up over the frames."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.brightest = np.full(shape, -np.inf, np.float32)
        self.dimmest = np.full(shape, np.inf, np.float32)
        self.sum = np.zeros(shape, np.float32)
        self.seen = np.zeros(shape, np.int32)
        self.gaps = np.zeros(shape, np.int32)
        self.lone = np.zeros(shape, np.int32)
        self.varying = 0

    def add(self, frame: np.ndarray, bad: np.ndarray | None) -> None:
        self.varying += 1
        if bad is None:
            self.seen += 1
            np.maximum(self.brightest, frame, out=self.brightest)
            np.minimum(self.dimmest, frame, out=self.dimmest)
            self.sum += frame
            return
        good = ~bad
        self.seen += good
        self.brightest[good] = np.maximum(self.brightest[good], frame[good])
        self.dimmest[good] = np.minimum(self.dimmest[good], frame[good])
        self.sum[good] += frame[good]


def look(acquisition: Acquisition, most_bytes: int | None = None) -> Looked:
    """Look at every frame, or at evenly chosen ones where they are many or fill more than `most_bytes`.

    Parameters
    ----------
    acquisition : its frames, before anything is subtracted.
    most_bytes : None: as much as the other checks look at.
    """
    total, counting = acquisition.frame_count, Counting()
    frame_bytes = int(np.prod(acquisition.frame_shape)) * np.dtype(acquisition.frames.dtype).itemsize
    numbers = frames_to_look_at(acquisition)
    if most_bytes is not None:
        numbers = evenly_chosen(total, min(total, max(4, most_bytes // frame_bytes)))
    tally = _Tally(acquisition.frame_shape)
    means, spreads, sums, thumbs, rises = [], [], [], [], []
    dark, patterns = darkness(acquisition), getattr(acquisition, "geometry", "") == "far_field"
    gaps: dict[int, np.ndarray] = {}
    values: tuple[float, ...] = ()
    spikes: dict[int, np.ndarray] = {}
    for number, frame in _read(acquisition, numbers):
        bad = gaps_of(frame)
        sums.append(zlib.crc32(frame.tobytes()))
        good = frame if bad is None else frame[~bad]
        if bad is not None:
            gaps[number] = np.flatnonzero(bad)
            values = values or tuple(float(v) for v in np.unique(frame[bad])[:3])
        means.append(float(good.mean(dtype=np.float64)) if good.size else np.nan)
        counting.add(frame if bad is None or not good.size else np.where(bad, means[-1], frame))
        spreads.append(float(good.max()) - float(good.min()) if good.size else np.nan)
        thumbs.append(thumb(frame if bad is None else np.where(bad, means[-1], frame)))
        if good.size >= (1 - LOST) * frame.size and spreads[-1] > 0:
            tally.add(frame, bad)
            tally.gaps += 0 if bad is None else bad
            usual = usual_in(frame, bad, bool(dark[number]))
            if patterns:
                tally.lone += lone(frame, usual)
            rises.append((means[-1], usual.high - usual.middle))
            if len(spiky := spikes_of(frame, bad, usual)):
                spikes[number] = spiky
    always = tally.gaps == max(tally.varying, 1)
    extra = {n: p[~always.flat[p]] for n, p in gaps.items()}
    lost = [bool(len(extra.get(int(n), ())) > LOST * (~always).sum()) for n in numbers]
    return Looked(
        numbers=numbers, total=total,
        means=np.where(lost, np.nan, means), spreads=np.where(lost, np.nan, spreads), sums=sums,
        thumbs=np.stack(thumbs),
        gaps=always, gaps_at={n: p for n, p in extra.items() if len(p)}, spikes=spikes,
        brightest=tally.brightest, dimmest=tally.dimmest, mean=tally.sum / np.maximum(tally.seen, 1),
        varying=tally.varying, lone=tally.lone, gap_values=values, rise=_of_the_dim(rises),
        survey=counting.survey(numbers, total, tally.brightest, tally.dimmest),
    )  # fmt: skip


def darkness(acquisition: Acquisition) -> np.ndarray:
    """Whether each frame of an `acquisition` (frame,) should be dark somewhere: dark field, or a pattern far away."""
    if isinstance(acquisition, Ptychography):
        return np.full(acquisition.frame_count, acquisition.geometry == "far_field")
    dark = claimed_dark(acquisition)
    return np.zeros(acquisition.frame_count, bool) if dark is None else dark


def _of_the_dim(rises: list[tuple[float, float]]) -> float:
    """Median rise of the dimmer half of the frames, given as (mean, rise) of each."""
    dim = sorted(rises)[: max(1, len(rises) // 2)]
    return float(np.median([rise for _, rise in dim])) if dim else 0.0


def _read(acquisition: Acquisition, numbers: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for number in numbers:
        yield int(number), np.asarray(acquisition.frames[int(number)])


def thumb(frame: np.ndarray) -> np.ndarray:
    """A small picture of a `frame` (y, x): means of square blocks, float32."""
    block = max(1, -(-max(frame.shape) // THUMB))
    rows, columns = (max(1, n // block) for n in frame.shape)
    if min(frame.shape) < block:
        return np.full((1, 1), frame.mean(), np.float32)
    cut = frame[: rows * block, : columns * block].reshape(rows, block, columns, block)
    return np.asarray(cut.mean((1, 3), dtype=np.float64), np.float32)
