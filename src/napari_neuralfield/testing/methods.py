"""What a method keeps to."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..data.acquisition import Acquisition
from ..recon.engine.recipe import Recipe, build, options, run
from ..registry import FIELDS, METHODS
from ..types import Done, Note, Preview, Progress
from .asking import array, attempt, near, require, through_json
from .fields import check_field

if TYPE_CHECKING:
    from ..types import Event, Field, Result

PICTURES = ("led_array", "multiplexed_led", "through_focus")  # their frames are pictures of a place
SOON_S = 10.0  # a closed method has ended by then


def check_method(name: str, acquisition: Acquisition, **chosen: object) -> Result:
    """A method tells its progress, ends with one result that lies where its frames do, and can be stopped and repeated.

    Parameters
    ----------
    name : of the method.
    acquisition : small, of a kind that it takes.
    chosen : options by name, such as few steps; the method runs twice, and begins a third time.

    Returns
    -------
    The result, for what else is to be looked at.

    Raises
    ------
    AssertionError : in one sentence, for the first thing that is not so.
    """
    require(acquisition.kind in METHODS[name].kinds, f"method {name} does not take the kind {acquisition.kind}")
    recipe = _check_recipe(name, chosen)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        result = _check_events(name, acquisition, recipe)
        _check_stopping(name, acquisition, recipe)
        again = _check_events(name, acquisition, recipe)
    require(not said.getvalue(), f"method {name} prints ({said.getvalue()[:40]!r}); it says things by a Note")
    require(
        near(_plane(result.field), _plane(again.field), 1e-5),
        f"method {name}: the same seed gives another field; take random numbers from compute.seed(recipe.seed)",
    )
    _check_place(name, acquisition, result.field)
    if result.field.type_name in FIELDS:
        check_field(result.field)
    else:
        raise AssertionError(f"method {name}: field type {result.field.type_name!r} is not registered")
    return result


def _check_recipe(name: str, chosen: dict[str, object]) -> Recipe:
    """Options are explained, and written into a file they come back the same."""
    for option in options(name):
        require(option.help, f"option {option.name} of method {name} has no help")
    recipe: Recipe = build(name, {"device": "cpu", **chosen})
    dumped = recipe.model_dump(mode="json")
    back = attempt(
        f"method {name}: the recipe read back from JSON", lambda: build(name, through_json(f"recipe of {name}", dumped))
    )
    require(back == recipe, f"method {name}: the recipe is another one after writing and reading it")
    return recipe


def _plane(field: Field) -> np.ndarray:
    """The middle of the field at its middle depth, every native pixel of at most 64."""
    y, x = field.extent.axes()
    return array(field.render([float(np.mean(field.extent.z_um))], y[:64], x[:64])).copy()


def _check_events(name: str, acquisition: Acquisition, recipe: Recipe) -> Result:
    """Progress and previews that stay as they are, then one `Done`."""
    done: Result | None = None
    first: tuple[Preview, np.ndarray] | None = None
    steps = 0
    for event in _events(name, acquisition, recipe):
        require(done is None, f"method {name} yields {type(event).__name__} after Done; Done comes last")
        if isinstance(event, Progress):
            steps += 1
            right = 0 <= event.done <= event.total
            require(right, f"method {name}: Progress says step {event.done} of {event.total}")
        elif isinstance(event, Preview) and first is None:
            first = event, _plane(event.field)
        elif isinstance(event, Done):
            done = event.result
        require(
            isinstance(event, Progress | Preview | Note | Done),
            f"method {name} yields {type(event).__name__}; it must be Progress, Preview, Note or Done",
        )
    require(steps, f"method {name} yields no Progress, so nobody knows whether it goes on")
    if done is None:
        raise AssertionError(f"method {name} ends without Done")
    if first is not None:
        same = near(_plane(first[0].field), first[1], 1e-6)
        require(same, f"method {name}: later steps change an earlier Preview; it must be a snapshot")
    said = done.recipe.get("method")
    require(said == name, f"method {name}: the result's recipe says method {said!r}; give recipe.model_dump()")
    through_json(f"optics of the result of {name}", done.optics)
    through_json(f"figures of the result of {name}", done.figures)
    return done


def _events(name: str, acquisition: Acquisition, recipe: Recipe) -> Iterator[Event]:
    stream = attempt(f"method {name}", lambda: iter(run(acquisition, recipe)))
    while (event := attempt(f"method {name}", lambda: next(stream, None))) is not None:
        yield event


def _check_stopping(name: str, acquisition: Acquisition, recipe: Recipe) -> None:
    """Closing the generator ends it, soon, and leaves torch as it was."""
    before = torch.is_grad_enabled()
    stream = run(acquisition, recipe)
    close = getattr(stream, "close", None)
    if close is None:
        raise AssertionError(f"method {name} is not a generator, so it cannot be stopped")
    attempt(f"method {name}", lambda: next(stream))
    began = time.monotonic()
    attempt(f"closing method {name}", close)
    took = time.monotonic() - began
    require(took < SOON_S, f"method {name} takes {took:.0f} s to stop; yield more often")
    require(torch.is_grad_enabled() == before, f"method {name} leaves gradients switched off when it is stopped")


def _check_place(name: str, acquisition: Acquisition, field: Field) -> None:
    """The field lies where the frames do: um of the acquisition, pixel (0, 0) of a frame at 0."""
    if acquisition.kind not in PICTURES:
        return
    pixel_um = float(getattr(acquisition, "pixel_um", 0))
    sizes = zip(field.extent.origin_um, field.extent.size_um, acquisition.frame_shape, strict=True)
    for axis, (start, size, pixels) in zip("yx", sizes, strict=True):
        right = abs(start) <= pixel_um and abs(start + size - pixels * pixel_um) <= 2 * pixel_um
        require(
            right,
            f"method {name}: the field lies at {start:g}..{start + size:g} um along {axis}, its frames at 0.."
            f"{pixels * pixel_um:g} um",
        )
