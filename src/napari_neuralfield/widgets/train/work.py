"""What the Train dock does, without a window: what can be trained, a training in a thread, its pictures as layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...types import InputError

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition
    from ...recon.training.trainer import Trained, Validation

NEW, SHIPPED, FINISHED, HALF = "a new network", "the weights in the box", "finished weights", "an interrupted training"
ANY, LIKE, FRAMES = "any microscope", "the open microscope", "the open microscope, and its frames"
FIRST = ("minutes", "size", "pairs", "stack", "pairs_share", "images")  # options that are not folded away
ELSEWHERE = ("like", "frames")  # chosen by a box of their own
GAP = 6.0  # frame pixels between the pictures


@dataclasses.dataclass(frozen=True)
class Wish:
    """A training as the dock asks for it.

    Parameters
    ----------
    network : its name.
    values : options that were chosen.
    begin, path : NEW, SHIPPED, FINISHED or HALF, and the file of the last two.
    microscope, acquisition : ANY, LIKE or FRAMES, and what is open.
    target : weights to write.
    """

    network: str
    values: Mapping[str, Any]
    begin: str
    path: str
    microscope: str
    acquisition: Acquisition | None
    target: Path


def load_trainings() -> dict[str, Any]:
    """name -> `recon.training.networks.Training`; imports torch, so call it outside the window's thread."""
    from ...registry import NETWORKS

    return dict(NETWORKS.items())


def options_shown(training: Any) -> list[Any]:
    """`recon.recipe.OptionInfo` of each option in the form, those that matter most first, the others folded."""
    from ...recon.engine.recipe import options_of

    infos = {info.name: info for info in options_of(training.recipe) if info.name not in ELSEWHERE}
    first = [dataclasses.replace(infos[name], advanced=False) for name in FIRST if name in infos]
    rest = [dataclasses.replace(info, advanced=True) for name, info in infos.items() if name not in FIRST]
    return [*first, *rest]


def train(wish: Wish, tell: Callable[[Any], None], stopped: Callable[[], bool]) -> Trained | None:
    """Train to the end, or until `stopped`; what was written last.

    Raises
    ------
    InputError : for options, files or weights that cannot be used.
    """
    from ... import compute
    from ...app import arguments, training
    from ...registry import NETWORKS

    arguments.output(wish.target, training.WEIGHTS, "Save as")
    resume = _named(wish) if wish.begin == HALF else None
    start = {SHIPPED: training.SHIPPED, FINISHED: _named(wish) if wish.begin == FINISHED else None}.get(wish.begin)
    values, given = dict(wish.values), material_of(wish, NETWORKS[wish.network])
    entry, recipe, weights, material = training.prepare(wish.network, values, resume, start, given)
    with compute.leave_a_core_to_the_window():
        return training.follow(entry.run(recipe, weights, material, stopped), wish.target, tell, entry.shown)


def _named(wish: Wish) -> str:
    if not wish.path:
        raise InputError(f"there is no file named for {wish.begin}; choose one, or begin with {NEW}")
    return wish.path


def called(kind: str) -> str:
    """What a user calls the frames of a kind."""
    from ...io.readers.training_files import CALLED

    return CALLED.get(kind, kind)


def microscopes(training: Any) -> tuple[str, ...]:
    """What a training may be for."""
    return (ANY, LIKE, FRAMES) if "frames" in training.recipe.model_fields else (ANY, LIKE)


def material_of(wish: Wish, training: Any) -> Any:
    """What the open acquisition gives a training.

    Raises
    ------
    InputError : where the wish needs one, and none of its kind is open.
    """
    from ...recon.training.material import Material

    if wish.microscope == ANY:
        return Material()
    if wish.acquisition is None or wish.acquisition.kind != training.kind:
        raise InputError(f"no {called(training.kind)} are open; open some, or train for {ANY}")
    given: Any = wish.acquisition
    return Material(like=given, frames=given if wish.microscope == FRAMES else None)


def picture_layers(
    seen: Validation, training: Any, pixel_um: float | None = None
) -> list[tuple[np.ndarray, dict[str, Any]]]:
    """Data (scene, y, x) and arguments of an image layer each: first channel, answer and truth, side by side.

    They lie left of the origin, where the frames of an acquisition begin.

    Parameters
    ----------
    training : that was seen.
    pixel_um : of a frame; None: as usual for this network.
    """
    pictures, frame_um = seen.pictures, pixel_um or training.pixel_um
    pixel = frame_um / training.upsampling
    width = pictures.shape[-1] * pixel + GAP * frame_um
    phases = tuple(float(v) for v in np.percentile(pictures[:, 2], (0.3, 99.7)))
    bright = tuple(float(v) for v in np.percentile(pictures[:, 0], (0.3, 99.7)))
    made = []
    for place, name in enumerate((training.shown.split(",")[0], "network", "truth")):
        low, high = bright if place == 0 else phases
        keywords = {
            "name": f"training: {name}",
            "scale": (1.0, pixel, pixel),
            "translate": (0.0, 0.0, (place - 3) * width),
            "units": ("pixel", "um", "um"),
            "axis_labels": ("scene", "y", "x"),
            "contrast_limits": (low, max(high, low + 1e-3)),
        }
        made.append((pictures[:, place], keywords))
    return made
