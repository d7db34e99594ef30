"""What a training is given in files: measured pairs, grey images, frames of LED patterns."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ..data.acquisition import MultiplexedLed
from ..types import InputError
from .opening import open_acquisition

FRAMES, TRUTH = ".acq.h5", ".truth.h5"
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
MOST_IMAGES = 2000
SMALLEST = 32  # pixels along the shorter side
LARGEST = 2048  # pixels of an image that are kept, along its longer side


def led_patterns(path: str | Path, option: str) -> MultiplexedLed:
    """Frames of LED patterns.

    Raises
    ------
    InputError : where the file cannot be read, or holds another kind of acquisition.
    """
    acquisition = open_acquisition(path)
    if not isinstance(acquisition, MultiplexedLed):
        raise InputError(
            f"option {option} is {path}, which is of kind {acquisition.kind}; it must be frames of LED patterns "
            "(multiplexed_led)"
        )
    return acquisition


def measured_pairs(folder: str | Path) -> list[tuple[MultiplexedLed, np.ndarray, float, str]]:
    """Frames, phase (Y, X) in rad, its pixel in um and a name, of every NAME.acq.h5 with a NAME.truth.h5 beside it.

    Raises
    ------
    InputError : where the folder holds none, or one cannot be read.
    """
    files = [path for path in _files(folder, "pairs") if path.name.endswith(FRAMES)]
    both = [(path, path.with_name(path.name.removesuffix(FRAMES) + TRUTH)) for path in files]
    both = [(frames, truth) for frames, truth in both if truth.is_file()]
    if not both:
        raise InputError(
            f"option pairs is {folder}, which holds no pair; a pair is NAME{FRAMES} with the frames and NAME{TRUTH} "
            "with their phase_rad and pixel_um"
        )
    found = []
    for frames, truth in both:
        acquisition = open_acquisition(frames)
        if isinstance(acquisition, MultiplexedLed):
            found.append((acquisition, *_truth(truth), frames.name))
    if not found:
        raise InputError(f"option pairs is {folder}; none of its pairs are frames of LED patterns (multiplexed_led)")
    return found


def _truth(path: Path) -> tuple[np.ndarray, float]:
    try:
        with h5py.File(path) as file:
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
