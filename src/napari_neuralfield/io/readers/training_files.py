"""What a training is given in files: measured pairs, stacks through focus, grey images, frames to be like."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import h5py
import numpy as np

from ...data.acquisition import Acquisition, MultiplexedLed, ThroughFocus
from ...data.colours import refuse_colours
from ...types import InputError
from ..native.hdf5_file import opened
from .opening import open_acquisition

Thin = MultiplexedLed | ThroughFocus  # what a network sees
CALLED = {"multiplexed_led": "frames of LED patterns", "through_focus": "bright-field frames"}
FRAMES, TRUTH = ".acq.h5", ".truth.h5"
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MOST_IMAGES = 2000
SMALLEST = 32  # pixels along the shorter side
LARGEST = 2048  # pixels of an image that are kept, along its longer side


def frames_of_kind(path: str | Path, option: str, kind: str) -> Acquisition:
    """The acquisition in the file `path`, given as `option`, which must be of this `kind`.

    Raises
    ------
    InputError : where the file cannot be read, or holds another kind of acquisition.
    """
    acquisition = _opened(path)
    if acquisition.kind != kind:
        raise InputError(
            f"option {option} is {path}, which is of kind {acquisition.kind}; it must be {CALLED[kind]} ({kind})"
        )
    return acquisition


def _opened(path: str | Path) -> Acquisition:
    """Frames of one wavelength."""
    acquisition = open_acquisition(path)
    one = "make a file of one of them: neuralfield convert FILE --channel N -o ONE.acq.h5"
    refuse_colours(acquisition.values(), "a training", one, str(path))
    return acquisition


def stacks(path: str | Path) -> list[ThroughFocus]:
    """Stacks through focus: of one file, or of every .acq.h5 of a folder.

    Raises
    ------
    InputError : where one cannot be read, is of another kind, or has a single plane.
    """
    inside = sorted(Path(path).glob(f"*{FRAMES}")) if Path(path).is_dir() else []
    found = [cast(ThroughFocus, frames_of_kind(one, "stack", "through_focus")) for one in inside or [Path(path)]]
    for acquisition in found:
        if len(set(np.asarray(acquisition.z_um).tolist())) < 2:
            raise InputError(
                f"option stack is {path}; {acquisition.source} has planes at {len(set(acquisition.z_um.tolist()))} "
                "depth, and the phase that is learned needs at least 2; a single frame with its phase known is a pair, "
                "see pairs"
            )
    return found


def measured_pairs(folder: str | Path, kind: str) -> list[tuple[Thin, np.ndarray, float, str]]:
    """Frames, phase (Y, X) in rad, its pixel in um and a name, of every NAME.acq.h5 with a NAME.truth.h5 beside it.

    `kind` : of the acquisitions that are taken from the `folder`.

    Raises
    ------
    InputError : where the folder holds none of this kind of acquisition, or one cannot be read.
    """
    files = [path for path in _files(folder, "pairs") if path.name.endswith(FRAMES)]
    both = [(path, path.with_name(path.name.removesuffix(FRAMES) + TRUTH)) for path in files]
    both = [(frames, truth) for frames, truth in both if truth.is_file()]
    if not both:
        raise InputError(
            f"option pairs is {folder}, which holds no pair; a pair is NAME{FRAMES} with the frames and NAME{TRUTH} "
            "with their phase_rad and pixel_um"
        )
    opened: list[tuple[Acquisition, Path, str]] = [(_opened(one), truth, one.name) for one, truth in both]
    found = [(cast(Thin, one), *_truth(truth), name) for one, truth, name in opened if one.kind == kind]
    if not found:
        raise InputError(
            f"option pairs is {folder}; none of its pairs are {CALLED[kind]} ({kind}): {both[0][0].name} is of kind "
            f"{opened[0][0].kind}"
        )
    return found


def _truth(path: Path) -> tuple[np.ndarray, float]:
    try:
        with opened(path) as file:
            if "phase_rad" not in file:
                raise InputError(f"{path}: there is no phase_rad in it; a truth holds the phase (y, x) in rad")
            phase, given = np.asarray(file["phase_rad"][()], dtype=np.float32), _scalar(file, "pixel_um")
    except OSError as error:
        raise InputError(f"{path}: it cannot be read ({str(error).splitlines()[0]}); write it again") from None
    if phase.ndim != 2 or not np.isfinite(phase).all():
        raise InputError(f"{path}: phase_rad is of shape {phase.shape}; it must be (y, x), every value a number")
    if given is None or not given > 0:
        raise InputError(f"{path}: pixel_um is {given}; it must be the pixel of phase_rad in um, above 0")
    return phase, given


def _scalar(file: h5py.File, name: str) -> float | None:
    value = file.attrs.get(name, file[name][()] if name in file else None)
    return None if value is None or np.ndim(value) else float(value)


def grey_images(folder: str | Path) -> list[np.ndarray]:
    """Every picture of a folder as grey values (y, x), large ones made smaller.

    Raises
    ------
    InputError : where the folder holds no picture, or one cannot be read.
    """
    files = [path for path in _files(folder, "images") if path.suffix.lower() in PICTURES]
    if not files:
        raise InputError(f"option images is {folder}, which holds no picture; give {', '.join(PICTURES)} files")
    return [_grey(path) for path in files[:MOST_IMAGES]]


def _grey(path: Path) -> np.ndarray:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            image = np.asarray(picture if picture.mode in ("F", "I", "I;16") else picture.convert("L"), np.float32)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: this picture cannot be read ({str(error).splitlines()[0]})") from None
    if min(image.shape) < SMALLEST:
        raise InputError(f"{path}: this picture is {min(image.shape)} pixels wide or high; give {SMALLEST} or more")
    if float(image.std()) == 0:
        raise InputError(f"{path}: this picture has the same value everywhere; take it out of the folder")
    step = -(-max(image.shape) // LARGEST)
    rows, columns = (n // step * step for n in image.shape)
    return image[:rows, :columns].reshape(rows // step, step, columns // step, step).mean((1, 3))


def _files(folder: str | Path, option: str) -> list[Path]:
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"option {option} is {folder}; it must be a folder, and there is none of that name")
    return sorted(folder.iterdir())
