"""The one loop: any field through any measurement, with what the microscope has wrong learnt alongside.

Every step asks the field for its image at one depth, lets the measurement predict some frames from it, and moves the
field's parameters, and those of the microscope, down the misfit. A measurement that knows a faster way to its misfit
and gradient has a `data_term` of its own; see `types.Measurement`.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

import numpy as np
import torch

from ... import compute
from ...types import DataTerm, Event, Extent, Field, Measurement, Note, Preview, Progress
from . import checkpoint
from .adam import Adam, warm_cosine
from .losses import LOSSES, Loss
from .preview_pace import PreviewPace
from .readings import LateNumbers

Sample = Callable[[float], torch.Tensor]  # depth, um -> image (y, x) of the field, differentiable
Regulariser = Callable[[torch.Tensor], torch.Tensor]  # image (y, x) -> what is added to the loss
SMOOTHED = 0.05  # share of a step in the error that is shown


@dataclasses.dataclass(frozen=True)
class Batch:
    """What one step compares.

    Parameters
    ----------
    frames : numbers of frames, int64.
    rate : share of the full step that the field takes.
    z_um : depth at which the field is asked, um.
    learn : share of their full step that the microscope's parameters take.
    last : whether an epoch ends here, after which held-out frames are predicted.
    """

    frames: torch.Tensor
    rate: float = 1.0
    z_um: float = 0.0
    learn: float = 1.0
    last: bool = False


@dataclasses.dataclass
class Counter:
    """How many of `total` steps are `done`, over all fits of a reconstruction."""

    total: int
    done: int = 0


def epochs(
    train: torch.Tensor,
    count: int,
    batch: int,
    *,
    generator: torch.Generator,
    fade: bool = True,
    learn_after: float = 0.0,
    z_um: tuple[float, float] = (0.0, 0.0),
) -> Iterator[Batch]:
    """Every frame once in each epoch, in random order.

    Parameters
    ----------
    train : numbers of the frames, int64.
    count : epochs.
    batch : frames in a step.
    generator : of the order, and of the depths.
    fade : steps start small and fade; else all are full.
    learn_after : share of the epochs after which the microscope is learnt too.
    z_um : (min, max), um, between which each step draws its depth.
    """
    step, every = 0, count * -(-len(train) // batch)
    low, high = z_um
    for epoch in range(count):
        order = torch.randperm(len(train), generator=generator).to(train.device)
        parts = train[order].split(batch)
        for number, part in enumerate(parts, 1):
            z = low if low == high else low + (high - low) * float(torch.rand((), generator=generator))
            rate = warm_cosine(step, every) if fade else 1.0
            yield Batch(part, rate, z, float(epoch >= learn_after * count), number == len(parts))
            step += 1


def draws(
    train: torch.Tensor,
    steps: int,
    batch: int,
    *,
    random: np.random.Generator,
    learn_after: float = 0.0,
    z_um: tuple[float, float] | None = None,
) -> Iterator[Batch]:
    """Some frames drawn anew for every step; steps start small and fade.

    Parameters
    ----------
    train : numbers of the frames, int64.
    steps : how many.
    batch : frames in a step.
    random : of depths and frames.
    learn_after : share of the steps after which the microscope is learnt too.
    z_um : (min, max), um, between which each step draws its depth; None: depth 0.
    """
    for step in range(steps):
        z = 0.0 if z_um is None else random.uniform(*z_um)
        chosen = np.sort(random.permutation(len(train))[:batch])
        frames = train[torch.as_tensor(chosen, device=train.device)]
        yield Batch(frames, warm_cosine(step, steps), z, float(step >= learn_after * steps))


@dataclasses.dataclass(frozen=True)
class Fittable:
    """What a fit moves.

    Parameters
    ----------
    sample : the image (y, x) at a depth.
    parameters : that move.
    snapshot : the field as it is now, which later steps do not change.
    """

    sample: Sample
    parameters: Sequence[torch.Tensor]
    snapshot: Callable[[], Field]

    @classmethod
    def of(cls, field: Field, extent: Extent) -> Fittable:
        """A whole field, asked on the native grid of `extent` through its `sample`, or a differentiable `render`.

        Parameters
        ----------
        field : complex, or a phase, rad.
        extent : whose axes are asked.
        """
        y, x = extent.axes()
        render = getattr(field, "sample", field.render)

        def sample(z_um: float) -> torch.Tensor:
            image: torch.Tensor = render([z_um], y, x)[0]
            return image if image.is_complex() else torch.polar(torch.ones_like(image), image)

        return cls(sample, list(field.parameters()), lambda: copy.deepcopy(field))


def fit_field(
    field: Field | Fittable,
    measurement: Measurement,
    schedule: Iterable[Batch],
    *,
    rate: float,
    counter: Counter,
    loss: Loss | None = None,
    regulariser: Regulariser | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.0,
    patience: int | None = None,
    what: str = "fit",
    random: Sequence[torch.Generator] = (),
) -> Generator[Event, None, None]:
    """Improve a field and what is learnt of its measurement, in place; yields progress and previews.

    Out of memory, a batch is halved, and so are those that follow. With held-out frames the best state that they saw
    is the one that stays.

    Parameters
    ----------
    field : asked on the measurement's native grid; or how it is asked, what of it moves, and how it is shown.
    measurement : predicts frames from images of the field.
    schedule : batches of frames, such as `epochs` or `draws`.
    rate : largest change of the field's parameters in a step.
    counter : of the steps, for `Progress`.
    loss : of predicted counts and measured amplitudes; None: the measurement's `data_term`, else of amplitudes.
    regulariser : added to the data term.
    betas : of Adam.
    weight_decay : decoupled, of the field's parameters.
    patience : epochs without a better prediction of the held-out frames after which it stops; None: never.
    what : the fit is called in `Progress` and `Note`.
    random : what the field's images or `regulariser` draw from.
    """
    fitted = field if isinstance(field, Fittable) else Fittable.of(field, measurement.extent)
    learnt = measurement.learnt
    others = [(value, measurement.step_of(name)) for name, value in learnt.items()]
    optimizer = Adam(fitted.parameters, rate, betas=betas, others=others, weight_decay=weight_decay)
    own = getattr(measurement, "data_term", None) if loss is None else None
    compare = own or default_term(measurement, loss or LOSSES["amplitude"])
    settle = getattr(measurement, "settle", None)
    middle = sum(measurement.extent.z_um) / 2
    pace = PreviewPace(lambda: Preview(fitted.snapshot(), middle))
    state = [*fitted.parameters, *learnt.values()]
    best, idle, steps, limit = _Best(), 0, 0, 2**62
    misfit, energy, shown = 0.0, 0.0, LateNumbers()
    loop, number, before, over = checkpoint.loop(what), 0, 0, False
    if loop.found is not None:
        before, steps, idle, limit, misfit, energy, counter.done, solved = loop.found
        over = patience is not None and idle >= patience
        _go_on(solved, [*state, *optimizer.remembered()], best, random)

    def now() -> tuple[object, ...]:
        solved = _solved([*state, *optimizer.remembered()], best, random)
        return number, steps, idle, limit, misfit, energy, counter.done, solved

    for number, batch in enumerate(schedule, 1):
        if number <= before:  # done by an earlier run; drawn again, so that the next ones are the same
            if over and number == before:
                break
            continue
        waiting = list(reversed(batch.frames.split(min(limit, len(batch.frames)))))
        while waiting:
            frames = waiting.pop()
            try:
                image = fitted.sample(batch.z_um)
                term: DataTerm = compare(image, frames, batch.z_um)
                total = term.loss if regulariser is None else term.loss + regulariser(image)
                optimizer.step(total, rate * batch.rate, batch.learn)
            except RuntimeError as failure:
                if not compute.is_out_of_memory(failure) or len(frames) == 1:
                    raise
                limit = -(-len(frames) // 2)
                compute.release()
                yield Note(f"the device ran out of memory; going on with {limit} frames a step", "warning")
                waiting = list(reversed(torch.cat([frames, *reversed(waiting)]).split(limit)))
                continue
            if settle is not None:
                settle()
            last = batch.last or counter.done + 1 >= counter.total
            for miss, counts in shown.take(term.misfit, term.energy, now=last):
                steps += 1
                share = max(SMOOTHED, 1 / steps)
                misfit, energy = misfit + share * (miss - misfit), energy + share * (counts - energy)
        counter.done += 1
        yield Progress(min(counter.done, counter.total), counter.total, (misfit / max(energy, 1e-30)) ** 0.5, what)
        yield from pace.events()
        if batch.last and len(measurement.held):
            idle = 0 if best.better(relative_error(measurement, fitted.sample, measurement.held), state) else idle + 1
            if patience is not None and idle >= patience:
                break
        loop.reached(now)
    loop.ended(now)
    if best.restore(state):
        yield Note(f"{what}: kept is the epoch that predicts the held-out frames best, error {best.error:.4f}")


_Solved = tuple[list[torch.Tensor], float, list[torch.Tensor], list[torch.Tensor]]


def _solved(values: Sequence[torch.Tensor], best: _Best, random: Sequence[torch.Generator]) -> _Solved:
    """What the next step of a fit depends on, all detached."""
    return [value.detach() for value in values], best.error, best.values, [one.get_state() for one in random]


@torch.no_grad()
def _go_on(solved: _Solved, values: Sequence[torch.Tensor], best: _Best, random: Sequence[torch.Generator]) -> None:
    """Fill in what was `_solved` before."""
    kept, best.error, best.values, states = solved
    for value, one in zip(values, kept, strict=True):
        value.copy_(one)
    for generator, state in zip(random, states, strict=True):
        generator.set_state(state)


def default_term(
    measurement: Measurement, loss: Loss = LOSSES["amplitude"]
) -> Callable[[torch.Tensor, torch.Tensor, float], DataTerm]:
    """How an image's predicted frames are compared with those measured.

    Parameters
    ----------
    measurement : predicts (frame, y, x).
    loss : of predicted counts and measured amplitudes.
    """

    def compare(image: torch.Tensor, frames: torch.Tensor, z_um: float) -> DataTerm:
        counts = measurement.predict(image, frames, z_um)
        amplitude, good = measurement.amplitude[frames], measurement.good
        good = good[frames] if good is not None and good.ndim == 3 else good
        with torch.no_grad():
            miss = torch.sqrt(counts) - amplitude
            miss = miss if good is None else miss * good
        return DataTerm(loss(counts, amplitude, good), miss.square().sum(), amplitude.square().sum())

    return compare


@torch.no_grad()
def relative_error(measurement: Measurement, sample: Sample, frames: torch.Tensor, at_once: int = 16) -> float:
    """Relative amplitude error of some frames.

    Parameters
    ----------
    measurement : which predicts them.
    sample : image of the field, asked in the middle of the measurement's depths.
    frames : their numbers, int64.
    at_once : frames predicted together.
    """
    z_um = sum(measurement.extent.z_um) / 2
    compare, image = default_term(measurement), sample(z_um)
    terms = [compare(image, part, z_um) for part in frames.split(at_once)]
    return (sum(float(t.misfit) for t in terms) / sum(float(t.energy) for t in terms)) ** 0.5


class _Best:
    """The best state so far, by the error of held-out frames."""

    def __init__(self) -> None:
        self.error = np.inf
        self.values: list[torch.Tensor] = []

    def better(self, error: float, values: Sequence[torch.Tensor]) -> bool:
        if error < self.error:
            self.error, self.values = error, [v.detach().clone() for v in values]
            return True
        return False

    @torch.no_grad()
    def restore(self, values: Sequence[torch.Tensor]) -> bool:
        for value, kept in zip(values, self.values, strict=False):
            value.copy_(kept)
        return bool(self.values)
