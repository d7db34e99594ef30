"""What the Train dock does, without a window: what can be trained, a training in a thread, its pictures as layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...types import Event, InputError
from ..kit.warming import import_torch, importing

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition
    from ...recon.engine.recipe import OptionInfo
    from ...recon.training.material import Material
    from ...recon.training.networks import Training
    from ...recon.training.trainer import Trained, Validation
    from ...types import Event
    from ..view.layers import Meta

    Trainings = tuple[dict[str, Training], dict[str, Any]]

NEW, SHIPPED, FINISHED, HALF = "a new network", "the package's weights", "finished weights", "an interrupted training"
ANY, LIKE, FRAMES = "any microscope", "the open microscope", "the open microscope, and its frames"
FIRST = ("minutes", "size", "pairs", "stack", "pairs_share", "images")  # options that are not folded away
ELSEWHERE = ("like", "frames")  # chosen by a box of their own
REPLACE = "choose another name, or this one once more with Choose…, which asks"
GAP = 6.0  # frame pixels between the pictures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """A training as the dock asks for it.

    Parameters
    ----------
    network : its name.
    values : options that were chosen.
    begin, path : NEW, SHIPPED, FINISHED or HALF, and the file of the last two.
    microscope, acquisition : ANY, LIKE or FRAMES, and what is open.
    target : weights to write.
    replace : whether they may replace older ones: a dialog has asked.
    """

    network: str
    values: Mapping[str, object]
    begin: str
    path: str
    microscope: str
    acquisition: Acquisition | None
    target: Path
    replace: bool = False


@importing()
def load_trainings() -> Trainings:
    """What can be trained, by name, and the options that differ where finished weights go on; imports torch: slow."""
    import_torch()
    from ...recon.training.networks import FINE_TUNE
    from ...registry import NETWORKS

    return dict(NETWORKS.items()), dict(FINE_TUNE)


def options_shown(training: Training) -> list[OptionInfo]:
    """The options in the form, those that matter most first, the others folded."""
    from ...recon.engine.recipe import options_of

    infos = {info.name: info for info in options_of(training.recipe) if info.name not in ELSEWHERE}
    first = [dataclasses.replace(infos[name], advanced=False) for name in FIRST if name in infos]
    rest = [dataclasses.replace(info, advanced=True) for name, info in infos.items() if name not in FIRST]
    return [*first, *rest]


def train(wish: Wish, tell: Callable[[Event | Validation], None], stopped: Callable[[], bool]) -> Trained | None:
    """Carry out the `wish`, to the end or until `stopped()`, and `tell` what happens; what was written last.

    Raises
    ------
    InputError : for options, files or weights that cannot be used.
    """
    from ... import compute
    from ...app import arguments, training
    from ...registry import NETWORKS

    arguments.output(wish.target, training.WEIGHTS, "Save as", overwrite=True)
    resume = _named(wish) if wish.begin == HALF else None
    training.check_target(wish.target, resume, wish.replace or resume == str(wish.target), REPLACE)
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


def microscopes(training: Training) -> tuple[str, ...]:
    """What a training may be for."""
    return (ANY, LIKE, FRAMES) if "frames" in training.recipe.model_fields else (ANY, LIKE)


def material_of(wish: Wish, training: Training) -> Material:
    """What the open acquisition gives the `training` of a `wish`.

    Raises
    ------
    InputError : where the wish needs one, and none of its kind is open.
    """
    from ...recon.training.material import Material

    if wish.microscope == ANY:
        return Material()
    if wish.acquisition is None or wish.acquisition.kind != training.kind:
        raise InputError(f"no {called(training.kind)} are open; open some, or train for {ANY}")
    given = cast("Any", wish.acquisition)  # of the kind that was asked for
    return Material(like=given, frames=given if wish.microscope == FRAMES else None)


def picture_layers(
    seen: Validation, training: Training, pixel_um: float | None = None
) -> list[tuple[np.ndarray, Meta]]:
    """Data (scene, y, x) and arguments of an image layer each: first channel, answer and truth, side by side.

    They lie left of the origin, where the frames of an acquisition begin.

    Parameters
    ----------
    seen, training : the pictures, and the training that was seen.
    pixel_um : of a frame; None: as usual for this network.
    """
    pictures, frame_um = seen.pictures, pixel_um or training.pixel_um
    pixel = frame_um / training.upsampling
    width = pictures.shape[-1] * pixel + GAP * frame_um
    made = []
    for place, name in enumerate((training.shown.split(",")[0], "network", "truth")):
        low, high = (float(v) for v in np.percentile(pictures[:, 0 if place == 0 else 2], (0.3, 99.7)))
        meta = {
            "name": f"training: {name}",
            "scale": (1.0, pixel, pixel),
            "translate": (0.0, 0.0, (place - 3) * width),
            "units": ("pixel", "um", "um"),
            "axis_labels": ("scene", "y", "x"),
            "contrast_limits": (low, max(high, low + 1e-3)),
        }
        made.append((pictures[:, place], meta))
    return made


def truth_rad(seen: Validation) -> float:
    """How much the phases to be found vary, rms, rad: what an error is to be compared with, mean over scenes."""
    return float(np.mean(np.std(seen.pictures[:, 2], axis=(-2, -1))))
