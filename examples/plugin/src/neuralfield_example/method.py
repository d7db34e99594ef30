"""A method: every bright-field frame propagated back to the plane asked for, and their mean."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from napari_neuralfield import (
    Done,
    Event,
    Extent,
    InputError,
    LedArray,
    Preview,
    Progress,
    Recipe,
    Result,
    compute,
    method,
    option,
    planes_of_images,
)


class Weighting(StrEnum):
    """How much each frame counts."""

    EQUAL = "equal"
    STEEP = "steep"


class BackpropagationRecipe(Recipe):
    """Each field is an option: `--z-um 3` on the command line, a row of the form in napari, a line of a recipe file."""

    z_um: float = option(0.0, "depth of the plane", unit="um", ge=-1000, le=1000)
    start: Literal["amplitude", "intensity"] = option("amplitude", "what of a frame is propagated")
    weighting: Weighting = option(Weighting.EQUAL, "equal, or more for light from the side")
    frames: list[int] = option([], "numbers of the frames to take; empty: all in bright field")
    background: Path | None = option(None, "image (.npy, y, x) that is divided out of every frame", advanced=True)


@method("backpropagation", BackpropagationRecipe, kinds=("led_array",), presets={"steep": {"weighting": "steep"}})
def backpropagation(acquisition: LedArray, recipe: BackpropagationRecipe) -> Iterator[Event]:
    """Mean of all frames, each propagated back to one depth: quick, rough and with little to go wrong."""
    device = compute.device(recipe.device)
    chosen, background = frames_of(acquisition, recipe), background_of(acquisition, recipe)
    waves = back_propagator(acquisition, recipe.z_um).to(device)
    extent = Extent((recipe.z_um, recipe.z_um), acquisition.frame_shape, acquisition.pixel_um)
    total, weights = torch.zeros(acquisition.frame_shape, dtype=torch.complex64, device=device), 0.0
    for done, frame in enumerate(chosen, start=1):
        image = torch.as_tensor(acquisition.intensity([frame])[0] / background, device=device).clamp(min=0)
        image = image.sqrt() if recipe.start == "amplitude" else image
        weight = 1.0
        if recipe.weighting is Weighting.STEEP:
            weight += float(np.hypot(*acquisition.illumination_na[frame])) / acquisition.objective_na
        total += weight * torch.fft.ifft2(torch.fft.fft2(image.to(torch.complex64)) * waves)
        weights += weight
        field = planes_of_images((total / weights)[None], [recipe.z_um], extent)
        yield Progress(done, len(chosen), float("nan"), "frames")
        yield Preview(field, recipe.z_um)
    optics = {"wavelength_um": acquisition.wavelength_um, "objective_na": acquisition.objective_na}
    yield Done(Result(field, recipe.model_dump(mode="json"), optics, title=acquisition.title))


def frames_of(acquisition: LedArray, recipe: BackpropagationRecipe) -> list[int]:
    """Numbers of the frames to take; refused, before anything long, where there are none."""
    if any(not 0 <= frame < acquisition.frame_count for frame in recipe.frames):
        raise InputError(
            f"option frames of method backpropagation is {recipe.frames}; "
            f"the numbers must be between 0 and {acquisition.frame_count - 1}"
        )
    bright = np.hypot(*np.asarray(acquisition.illumination_na).T) < acquisition.objective_na
    chosen = recipe.frames or np.flatnonzero(bright).tolist()
    if not chosen:
        raise InputError(f"{acquisition.source}: no frame is in bright field; choose some by option frames")
    return chosen


def background_of(acquisition: LedArray, recipe: BackpropagationRecipe) -> np.ndarray | float:
    """What every frame is divided by (y, x), or 1."""
    if recipe.background is None:
        return 1.0
    try:
        image = np.load(recipe.background)
    except (OSError, ValueError) as error:
        raise InputError(f"option background is {recipe.background}, which cannot be read ({error})") from None
    if image.shape != acquisition.frame_shape:
        raise InputError(f"option background has shape {image.shape}; it must be that of a frame")
    return image


def back_propagator(acquisition: LedArray, z_um: float) -> torch.Tensor:
    """What takes a frame's spectrum from the focus to a depth (y, x), complex64."""
    fy, fx = (torch.fft.fftfreq(n, acquisition.pixel_um, dtype=torch.float64) for n in acquisition.frame_shape)
    squared = fy[:, None] ** 2 + fx[None, :] ** 2
    along = torch.sqrt((acquisition.wavelength_um**-2 - squared).clamp(min=0))
    inside = squared <= (2 * acquisition.objective_na / acquisition.wavelength_um) ** 2
    return (inside * torch.exp(-2j * torch.pi * z_um * along)).to(torch.complex64)
