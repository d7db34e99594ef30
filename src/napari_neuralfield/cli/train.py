"""A training in a terminal: progress, a line and a picture at every validation, weights that can be gone on from."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

from ..app import arguments
from ..app.training import WEIGHTS, check_target, follow, prepare
from ..io.native.outputs import partial_of
from ..networks.pretrained import Weights
from ..recon.engine.recipe import load, options_of
from ..recon.training.material import Material
from ..recon.training.networks import Training
from ..recon.training.recipe import TrainRecipe
from ..recon.training.trainer import Validation
from ..registry import NETWORKS
from ..types import Note, Progress
from . import terminal
from .checkpoints import USUAL, Keeping, kept
from .ends import interrupts


def run(
    name: str,
    target: Path,
    recipe_file: Path | None,
    typed: Mapping[str, str | None],
    *,
    resume: Path | None,
    start: Path | None,
    overwrite: bool = False,
    keeping: Keeping = USUAL,
) -> None:
    """`neuralfield train`: weights at `target`, the last validation's picture beside them.

    Parameters
    ----------
    name : of the network.
    target : `*.safetensors` to write.
    recipe_file : YAML file with options.
    resume, start : weights to go on from, as in `prepare`.
    typed : options as they were typed, by name; they come first.
    overwrite : whether outputs may replace older ones.
    keeping : how an interrupted training can go on without being named.

    Raises
    ------
    InputError : see `prepare`.
    terminal.Interrupted : after Ctrl-C, when what was trained is beside `target`.
    """
    entry: Training = NETWORKS[name]
    arguments.output(target, WEIGHTS, overwrite=True, inputs=[] if start is None else [start])
    check_target(target, partial_of(target) if keeping.resume else resume, overwrite)
    values = load(recipe_file) if recipe_file is not None else {}
    values = {**values, **arguments.option_values(options_of(entry.recipe), typed)}
    entry, recipe, weights, material = prepare(name, values, resume, start)
    if weights is not None:
        done = f"after {weights.header['steps']} steps" if resume is not None else "as a new training"
        print(f"going on from {resume or start}, {done}")
    began, cpu = time.perf_counter(), time.process_time()

    begun = threading.Event()

    def tell(event: object) -> None:
        if isinstance(event, Progress):
            begun.set()
            terminal.show(bar, event)
        elif isinstance(event, Note | Validation):
            bar.write(terminal.said(event) if isinstance(event, Note) else line(event))

    with kept(target, keeping, lambda: _of(recipe, weights, material)) as checkpoint:
        with interrupts.asked_to_end(begun.is_set) as asked, terminal.progress_bar() as bar:

            def stopped() -> bool:
                if asked.is_set():
                    checkpoint.stop_soon()
                return checkpoint.stopping

            last = follow(entry.run(recipe, weights, material, stopped), target, tell, entry.shown)
        if last is None or not last.finished:
            nothing = "interrupted before there was anything to keep"
            half = f"interrupted; what was trained is in {partial_of(target)}"
            raise terminal.Interrupted(nothing if last is None else half)
        print(terminal.took(time.perf_counter() - began, time.process_time() - cpu))
    print(
        f"the weights are in {target}; use them with: neuralfield reconstruct FILE --method {name} --weights {target}"
    )


def _of(recipe: TrainRecipe, weights: Weights | None, material: Material) -> dict[str, object]:
    """What a training is of: its options, the weights it goes on from, and what it learns from."""
    from ..io.native.checkpoint_file import digest, fingerprint

    pairs, lone = material.pairs, [*material.stack, material.like, material.frames]
    measured = [fingerprint(one) for one in (*(pair.acquisition for pair in pairs), *lone) if one is not None]
    options = {f"option {n}": v for n, v in recipe.model_dump(mode="json").items() if n != "device"}
    return {
        **options,
        "weights to go on from": None if weights is None else digest(*weights.tensors.values()),
        "measured frames and images": [*measured, digest(*(pair.phase_rad for pair in pairs), *material.images)],
    }


def line(seen: Validation) -> str:
    """One validation in words."""
    return (
        f"after {seen.steps} steps, {seen.seconds / 60:.1f} min: error {seen.error_rad:.4f} rad, "
        f"correlation {seen.correlation:.4f}"
    )
