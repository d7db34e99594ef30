"""A training in a terminal: progress, a line and a picture at every validation, weights that can be gone on from."""

from __future__ import annotations

import contextlib
import functools
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..io.native.weights_file import save_weights
from ..io.readers import training_files
from ..networks.pretrained import Weights, load_weights, shipped
from ..recon.engine.recipe import load, options_of
from ..recon.training.material import NOTHING, Material, Pair
from ..recon.training.networks import Stream, Training, material_for, recipe_for, training
from ..recon.training.recipe import TrainRecipe
from ..recon.training.trainer import Trained, Validation
from ..types import InputError, Note, Progress
from . import arguments, terminal
from .training_picture import save_picture

WEIGHTS = (".safetensors",)
SHIPPED = "shipped"  # typed for the weights that come with the package


def start_from(name: str, resume: Path | str | None, start: Path | str | None) -> Weights | None:
    """The weights to go on from: a half-finished training, or finished ones, 'shipped' for those of the package.

    Raises
    ------
    InputError : where both are given, or a file holds no such weights.
    """
    if resume is not None and start is not None:
        raise InputError(
            "options --resume and --from are both given; --resume goes on with a training that was interrupted, --from "
            "begins a new one from finished weights, so choose one"
        )
    chosen = start if resume is None else resume
    if chosen is None:
        return None
    return shipped(name) if resume is None and str(chosen) == SHIPPED else load_weights(chosen, name)


def read(kind: str, option: str, typed: str) -> Any:
    """What an option of a training on this kind of acquisition names, as `recon.training_material.Material` has it."""
    if option == "pairs":
        return tuple(Pair(*found) for found in training_files.measured_pairs(typed, kind))
    if option == "stack":
        return tuple(training_files.stacks(typed))
    if option == "images":
        return tuple(training_files.grey_images(typed))
    return training_files.frames_of_kind(typed, option, kind)


def prepare(
    name: str,
    values: Mapping[str, Any],
    resume: Path | str | None = None,
    start: Path | str | None = None,
    given: Material = NOTHING,
) -> tuple[Training, TrainRecipe, Weights | None, Material]:
    """Everything that a training needs, checked.

    Raises
    ------
    InputError : for an unknown network, weights that do not fit, an option or a file that cannot be used.
    """
    entry = training(name)
    weights = start_from(name, resume, start)
    recipe = recipe_for(name, values, weights, resume=resume is not None)
    return entry, recipe, weights, material_for(recipe, functools.partial(read, entry.kind), given)


def run(
    name: str,
    target: Path,
    recipe_file: Path | None,
    resume: Path | None,
    start: Path | None,
    typed: Mapping[str, str | None],
) -> None:
    """`neuralfield train`: weights at `target`, the last validation's picture beside them.

    Raises
    ------
    InputError : see `prepare`.
    terminal.Interrupted : after Ctrl-C, when what was trained is at `target`.
    """
    entry = training(name)
    arguments.output(target, WEIGHTS)
    if start is not None:
        arguments.not_the_input(target, start)
    values = load(recipe_file) if recipe_file is not None else {}
    values = {**values, **arguments.option_values(options_of(entry.recipe), typed)}
    entry, recipe, weights, material = prepare(name, values, resume, start)
    if weights is not None:
        done = f"after {weights.header['steps']} steps" if resume is not None else "as a new training"
        print(f"going on from {resume or start}, {done}")
    began, cpu = time.perf_counter(), time.process_time()

    def tell(event: Any) -> None:
        if isinstance(event, Progress):
            terminal.show(bar, event)
        elif isinstance(event, Note | Validation):
            bar.write(terminal.said(event) if isinstance(event, Note) else line(event))

    with _ctrl_c() as asked, terminal.progress_bar() as bar:
        last = follow(entry.run(recipe, weights, material, asked.is_set), target, tell, entry.shown)
    if last is None:
        raise terminal.Interrupted("interrupted before there was anything to keep")
    print(terminal.took(time.perf_counter() - began, time.process_time() - cpu))
    if not last.finished:
        again = f"go on with: neuralfield train {name} --resume {target} -o {target}"
        raise terminal.Interrupted(f"interrupted; what was trained is in {target}; {again}")
    print(
        f"the weights are in {target}; use them with: neuralfield reconstruct FILE --method {name} --weights {target}"
    )


def follow(stream: Stream, target: Path, tell: Callable[[Any], None], shown: str) -> Trained | None:
    """Train: `tell` every event, write weights to `target` whenever there are some, and pictures beside them.

    The first picture of each scene is called `shown`. Returns what was written last, also where Ctrl-C ends it.

    Raises
    ------
    InputError : where a file cannot be written.
    """
    last = None
    with contextlib.suppress(KeyboardInterrupt):
        for event in stream:
            if isinstance(event, Trained):
                _keep(target, event)
                last = event
                continue
            if isinstance(event, Validation):
                save_picture(target.with_suffix(".png"), event, shown)
            tell(event)
    return last


def line(seen: Validation) -> str:
    """One validation in words."""
    return (
        f"after {seen.steps} steps, {seen.seconds / 60:.1f} min: error {seen.error_rad:.4f} rad, "
        f"correlation {seen.correlation:.4f}"
    )


def _keep(target: Path, event: Trained) -> None:
    what = "weights" if event.finished else "half-finished training"
    terminal.write_or_keep(target, lambda path: save_weights(path, event.weights, half=event.finished), what)


@contextlib.contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Ctrl-C once asks for an end after the step in hand; twice ends at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def heard(number: int, frame: Any) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, heard)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
