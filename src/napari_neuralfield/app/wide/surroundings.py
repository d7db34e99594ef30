"""What lies around a tile: the whole field, coarsely, so that the frames of a tile can be made to repeat.

Solvers take frames to repeat at their borders. Those of a tile do not, and through the sharp rim of the pupil what lies
outside is felt far inside: an LED whose direction is near the rim shows slow changes of the sample with tails that
fall as 1 / distance. Its frame holds the slow phase too, so it cannot be left out. Therefore the whole field is first
solved from its bright frames alone. With it the frames of a tile become those of a sample that fades to its mean at the
tile's border and repeats: root' = root + |image of the faded tile| - |image of the whole|. The slow phase of the
whole, which a tile tells badly, is that of all tiles.

Where near LEDs shine in other directions on every place, the whole is solved in the spherical wave that they have in
common, its frames made those of this wave; the tiles are made to lie in a plane one. Where the pupil changes, the whole
is seen through that of its middle.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from scipy.ndimage import shift

from ... import memory
from ...data.acquisition import Acquisition, LedArray
from ...data.geometry import native_upsampling
from ...fields.planes import PlanesField
from ...forward import fourier
from ...forward.led_grid import depth_tensor
from ...io.native.atomic import writing
from ...optics.grids import at_frequencies, centred_spectrum, fit_spectrum, image_of
from ...recon.projection.near_light import NearLight
from ...types import Done, Event, InputError, Note, Options, Progress, Result
from .cost import PASSES_OF_LOOK, cost_of_look, felt_leds
from .one_pupil import beyond, moved_back, moves, pupil_of_middle, sharpened, through_middle
from .plan import FADE, Box, WidePlan, helps, why_alone

NAME = "whole.h5"
COARSE: Options = {
    "passes": PASSES_OF_LOOK,
    "momentum": 0.7,
    "stop_below": 0.0,
    "check_orientation": False,
    "half": False,
}
PASSES_OF_FIRST = 8  # over the frames, of a first look at a sample in the waves of near LEDs
AROUND = 64  # frame pixels around a tile that are seen through its own pupil
WORST = 0.1  # relative amplitude error above which the whole is not known well enough to help
CPU = torch.device("cpu")


def look_around(
    plan: WidePlan, whole: Acquisition, folder: Path, apart: Sequence[int] | np.ndarray = ()
) -> Generator[Event, None, Path | None]:
    """Solve the whole field coarsely, once; the file that tiles read, or None where it would not help.

    Parameters
    ----------
    plan : of the run.
    whole : the frames that are cut into tiles.
    folder : where the file is kept.
    apart : frames that are bright in one part of the field and dark in another, which are not used.
    """
    from ...compute import on_one_thread

    file = folder / NAME
    if not helps(plan) or not isinstance(whole, LedArray):
        if why := why_alone(plan):
            yield Note(f"tiles are made without a look at the whole field: {why}")
        return None
    if not file.exists():
        leds = felt_leds(whole)
        if NearLight.of(whole) is None:  # else the directions tell where a frame is dark
            leds = np.setdiff1d(leds, np.asarray(apart, int))
        reason = _reason_against(whole, len(leds))
        try:
            if not reason:
                bright = whole.subset(leds)
                result = yield from _result(on_one_thread(_solved(plan, bright)))
                _keep(file, bright, leds, result)
        except InputError as error:
            reason = str(error)
        if reason:
            yield Note(f"tiles are made without a look at the whole field: {reason}", "warning")
            return None
    with h5py.File(file) as kept:
        off = float(kept.attrs["error"])
    if off > WORST:
        yield Note(f"the whole field explains its bright frames to {off:.2f} only, so tiles do without it", "warning")
        return None
    return file


def _reason_against(whole: LedArray, leds: int) -> str:
    """Why the whole cannot be solved from so many bright frames; empty where it can."""
    if not leds:
        return "no frame is a bright one"
    needed, free = cost_of_look(whole).peak_bytes, memory.free_bytes()
    return "" if needed < free else f"that takes {memory.size(needed)} of memory, and {memory.size(free)} are free"


def _result(events: Iterator[Event]) -> Generator[Event, None, Result]:
    for event in events:
        if isinstance(event, Done):
            return event.result
        if isinstance(event, Progress):
            yield Progress(event.done, event.total, event.loss, "the whole field, coarsely")
    raise RuntimeError("the whole field ended without a result")


def _solved(plan: WidePlan, bright: LedArray) -> Iterator[Event]:
    from ...recon.engine.recipe import run
    from ...registry import METHODS

    recipe = METHODS["fpm-sequential"].recipe
    own = {n: v for n, v in plan.options.items() if n in ("z_um", "recover_pupil", "recover_gain", "seed")}
    if bright.pupil_field is not None:
        own["recover_pupil"] = False
        bright = bright.replace(frames=moved_back(bright))
    chosen = recipe.model_validate({**own, **COARSE, "device": plan.device})
    light, seen = NearLight.of(bright), bright
    if light is not None:
        first = chosen.model_copy(update={"passes": PASSES_OF_FIRST})
        seen = bright.replace(frames=_in_common_light(bright, light, None))
        result = yield from _result(run(seen, first, checked=False))
        seen = bright.replace(frames=_in_common_light(bright, light, result))
    yield from run(seen, chosen, checked=False)


def _in_common_light(bright: LedArray, light: NearLight, result: Result | None) -> np.ndarray:
    """Frames (led, y, x) as if all LEDs sent the same wave: root' = root + |image in it| - |image in the own one|.

    Parameters
    ----------
    bright : the frames.
    light : the common wave.
    result : what is known of the sample; None: nothing.
    """
    spectrum, z_um = _sample(bright, result)
    ambient, frames = fourier.ambient_light(bright), np.empty(bright.frames.shape, np.float32)
    for number in range(bright.frame_count):
        counts = np.asarray(bright.frames[number], np.float32) - ambient[number]
        root = np.sqrt(np.maximum(counts, 0))
        common = _image(light.lit(spectrum), bright, number, z_um)
        apart = common - _image(_in_own_light(spectrum, bright, light, number), bright, number, z_um)
        scale = np.nansum(root * (common - apart)) / max(float(np.sum((common - apart) ** 2)), 1e-30)
        frames[number] = np.maximum(root + scale * apart, 0) ** 2 + ambient[number]
    return frames


def _in_own_light(spectrum: torch.Tensor, bright: LedArray, light: NearLight, number: int) -> torch.Tensor:
    """Centred spectrum (1, Y, X) of the sample in the spherical wave of LED `number`."""
    lit = image_of(light.lit(spectrum))
    own = light.of_led(np.asarray(bright.illumination_na)[number], bright.wavelength_um, (lit.shape[1], lit.shape[2]))
    return centred_spectrum(lit * own)


def _sample(bright: LedArray, result: Result | None) -> tuple[torch.Tensor, float]:
    """Centred spectrum (1, Y, X) of the sample of a `result`, of an empty one where there is none, and its depth."""
    if result is None:
        shape = fourier.windows(bright).spectrum_shape
        return centred_spectrum(torch.ones((1, *shape), dtype=torch.complex64)), float(bright.sample_z_um or 0.0)
    field = result.field
    assert isinstance(field, PlanesField)
    return field.spectra([field.depths_um[0]]), field.depths_um[0]


def _keep(file: Path, bright: LedArray, leds: np.ndarray, result: Result) -> None:
    """Write the object and the images that its bright frames should show."""
    field = result.field
    assert isinstance(field, PlanesField)
    if "pupil" in result.calibration:
        found = torch.from_numpy(np.asarray(result.calibration["pupil"], np.complex64))
        bright = bright.replace(pupil=fit_spectrum(found, bright.frame_shape).numpy())
    factor, (rows, columns) = native_upsampling(bright), bright.frame_shape
    light, (spectrum, z_um) = NearLight.of(bright), _sample(bright, result)
    with writing(file) as temporary, h5py.File(temporary, "w") as kept:
        kept.attrs.update({"error": result.figures["relative_amplitude_error"], "factor": factor})
        kept.attrs["z_um"] = z_um
        kept["leds"] = leds
        if "pupil" in result.calibration:
            kept["pupil"] = np.asarray(bright.pupil)
        if bright.pupil_field is not None:
            kept["pupil_rad"] = pupil_of_middle(bright)
        y, x = (np.arange(n * factor) * bright.pixel_um / factor for n in (rows, columns))
        kept["object"] = field.render([z_um], y, x)[0].cpu().numpy()
        images = kept.create_dataset(
            "images", (len(leds), rows, columns), np.float32, chunks=(1, min(rows, 256), min(columns, 256))
        )
        for number in range(len(leds)):
            lit = spectrum if light is None else _in_own_light(spectrum, bright, light, number)
            images[number] = _image(lit, bright, number, z_um)


def _image(spectrum: torch.Tensor, acquisition: LedArray, number: int, z_um: float) -> np.ndarray:
    """Modulus of the image (y, x) that LED `number` makes of a centred spectrum (1, Y, X), on the frames' pixels."""
    plan = fourier.windows(acquisition.subset(np.array([number])), crop=False)
    pupil = fourier.pupils(plan, slice(None), depth_tensor(np.array([z_um]), CPU))
    image = fourier.predict(fit_spectrum(spectrum.cpu(), plan.spectrum_shape), pupil, plan.corner, plan.image_shape)
    return image.abs()[0, 0].numpy()


def repeating(part: LedArray, frames: np.ndarray, box_px: Box, file: Path) -> np.ndarray:
    """Frames of a tile as those of a sample that repeats.

    Parameters
    ----------
    part : what is known of them.
    frames : of the tile (frame, y, x), counts.
    box_px : of the tile in the whole.
    file : of the whole field, from `look_around`.
    """
    y0, x0, y1, x1 = box_px
    with h5py.File(file) as kept:
        f, leds, z_um = int(kept.attrs["factor"]), kept["leds"][()], float(kept.attrs["z_um"])
        inner = [(low > 0, high < n) for low, high, n in zip((y0, x0), (y1, x1), kept["images"].shape[1:], strict=True)]
        bright = part.subset(leds)
        if "pupil" in kept:
            bright = bright.replace(pupil=at_frequencies(kept["pupil"][()], part.pixel_um, part.frame_shape))
        if part.pupil_field is None:
            seen, there = kept["images"][:, y0:y1, x0:x1], kept["object"][y0 * f : y1 * f, x0 * f : x1 * f]
        else:
            seen, there = _through_its_pupil(kept, bright, box_px, z_um)
    spectrum = _faded(there, FADE * f, inner)
    ambient = fourier.ambient_light(part)
    out = frames.copy()
    for place, led in enumerate(leds.tolist()):
        root = np.sqrt(np.maximum(frames[led].astype(np.float32) - ambient[led], 0))
        scale = np.nansum(root * seen[place]) / max(float(np.sum(seen[place] ** 2)), 1e-30)
        root = root + scale * (_image(spectrum, bright, place, z_um) - seen[place])
        out[led] = _as(np.maximum(root, 0) ** 2 + ambient[led], frames)
    return out


def _faded(there: np.ndarray, width: int, ends: Sequence[tuple[bool, bool]]) -> torch.Tensor:
    """Centred spectrum (1, Y, X) of a piece of the object (y, x) that is its mean at those of its `ends`."""
    weight = np.outer(*(_ramp(n, width, end) for n, end in zip(there.shape, ends, strict=True)))
    faded = there.mean() + weight * (there - there.mean())
    return centred_spectrum(torch.from_numpy(faded.astype(np.complex64)))[None]


def _through_its_pupil(kept: h5py.File, bright: LedArray, box_px: Box, z_um: float) -> tuple[np.ndarray, np.ndarray]:
    """What the bright frames of a tile should show (led, y, x), modulus, and its object (y, x), by its own pupil.

    A piece that reaches beyond the tile is seen through the pupil of the tile; what only lies outside of the piece is
    taken from the whole, seen through the pupil of the middle.
    """
    f, shape = int(kept.attrs["factor"]), kept["images"].shape[1:]
    low = np.maximum(np.array(box_px[:2]) - AROUND, 0)
    high = np.minimum(np.array(box_px[2:]) + AROUND, shape)
    rows, columns = (slice(a, b) for a, b in zip(low, high, strict=True))
    ends = [(a > 0, b < n) for a, b, n in zip(low, high, shape, strict=True)]
    piece, images = kept["object"][rows.start * f : rows.stop * f, columns.start * f : columns.stop * f], kept["images"]
    change = pupil_of_middle(bright) - kept["pupil_rad"][()]
    sharp = sharpened(piece, bright, change, bright.pixel_um / f)
    y, x = (slice(a - c, b - c) for a, b, c in zip(box_px[:2], box_px[2:], low, strict=True))
    wide = beyond(bright, (rows.stop - rows.start, columns.stop - columns.start), (y.start, x.start))
    light = NearLight.of(wide)
    spectra = [_faded(one, AROUND // 2 * f, ends) for one in (sharp, piece)]
    own, middle = spectra if light is None else [light.lit(one) for one in spectra]
    single, by = through_middle(wide, change), moves(wide) @ change / bright.pixel_um
    seen = np.empty((wide.frame_count, y.stop - y.start, x.stop - x.start), np.float32)
    for led in range(wide.frame_count):
        outside = images[led, rows, columns] - _image(middle, single, led, z_um)
        seen[led] = (_image(own, wide, led, z_um) + shift(outside, -by[led], order=1, mode="nearest"))[y, x]
    return np.maximum(seen, 0), sharp[y.start * f : y.stop * f, x.start * f : x.stop * f]


def _as(counts: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Counts as numbers of the type of `frames`."""
    if np.issubdtype(frames.dtype, np.integer):
        counts = np.clip(np.rint(counts), 0, np.iinfo(frames.dtype).max)
    return counts.astype(frames.dtype)


def _ramp(n: int, width: int, ends: tuple[bool, bool]) -> np.ndarray:
    """From 0 at those `ends` of (n,) that have a neighbour to 1 within `width`."""
    place = np.arange(n) + 0.5
    low, high = (at / width if end else np.ones(n) for at, end in zip((place, n - place), ends, strict=True))
    part = np.clip(np.minimum(low, high), 0, 1)
    return np.asarray(part * part * (3 - 2 * part))
