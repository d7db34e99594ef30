"""How a check asks, and how near two arrays must be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import numpy as np
import torch

from ..types import InputError

T = TypeVar("T")


def require(condition: object, sentence: str) -> None:
    """Fail with the sentence where the condition does not hold."""
    if not condition:
        raise AssertionError(sentence)


def attempt(what: str, call: Callable[[], T]) -> T:
    """The value of `call`; an error of any kind fails as the sentence '`what` raises ...'."""
    try:
        return call()
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{what} raises {type(error).__name__}: {' '.join(str(error).split())}") from error


def refuses_only_in_words(what: str, call: Callable[[], object]) -> None:
    """Whatever `call` raises is an `InputError`, which a user can read; `what` says in a failure what was called."""
    try:
        call()
    except InputError:
        pass
    except Exception as error:
        raise AssertionError(
            f"{what} raises {type(error).__name__} ({' '.join(str(error).split())}); it must be an InputError"
        ) from error


def through_json(what: str, values: Mapping[str, object]) -> dict[str, object]:
    """The values as JSON gives them back; `what` names them in a failure."""
    written = attempt(f"{what} written as JSON", lambda: json.dumps(dict(values), allow_nan=False))
    back: dict[str, object] = json.loads(written)
    return back


def array(values: object) -> np.ndarray:
    """A tensor or array as NumPy has it."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def near(one: object, other: object, share: float = 1e-3) -> bool:
    """Whether `one` array differs from the `other` by less than `share` of the larger one's largest value."""
    a, b = array(one), array(other)
    return a.shape == b.shape and bool(np.abs(a - b).max() <= share * max(np.abs(a).max(), np.abs(b).max(), 1e-30))


def check_gradient(what: str, value: Callable[[], torch.Tensor], parameters: Iterable[torch.Tensor]) -> None:
    """The gradient of `value` reaches every parameter and agrees with central differences.

    Parameters
    ----------
    what : names the value in a failure.
    value : real or complex, any shape; taken anew from the parameters at each call.
    parameters : those that are trained.
    """
    trained = [p for p in parameters if p.requires_grad]
    weights = torch.empty(0)

    def loss() -> torch.Tensor:
        nonlocal weights
        found = value()
        real = torch.view_as_real(found) if found.is_complex() else found
        if weights.shape != real.shape:
            weights = torch.rand(real.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.5
        return (weights.to(real.device) * real.double() ** 2).mean()

    gradients = torch.autograd.grad(loss(), trained, allow_unused=True)
    for number, gradient in enumerate(gradients):
        reached = gradient is not None and bool(gradient.isfinite().all()) and bool(gradient.any())
        require(
            reached, f"the gradient of {what} does not reach parameter {number} of shape {tuple(trained[number].shape)}"
        )
    generator = torch.Generator().manual_seed(1)
    steps = [torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p) for p in trained]
    expected = sum(float((g * s).sum().real) for g, s in zip(gradients, steps, strict=True) if g is not None)
    found = _slope(loss, trained, steps)
    require(
        abs(found - expected) <= 0.03 * max(abs(found), abs(expected)),
        f"the gradient of {what} is {expected:.4g} along a random step, but differences say {found:.4g}",
    )


@torch.no_grad()
def _slope(loss: Callable[[], torch.Tensor], parameters: list[torch.Tensor], steps: list[torch.Tensor]) -> float:
    """Central difference of the loss along the steps, of third order; the parameters are as before afterwards."""
    scale = max(float(p.abs().max()) for p in parameters) or 1.0
    exact = all(p.dtype in (torch.float64, torch.complex128) for p in parameters)
    size = scale * (1e-5 if exact else 3e-3)
    kept = [p.clone() for p in parameters]
    slopes = []
    for length in (size, 2 * size):
        sides = []
        for sign in (1, -1):
            for p, before, step in zip(parameters, kept, steps, strict=True):
                p.copy_(before + sign * length * step)
            sides.append(float(loss()))
        slopes.append((sides[0] - sides[1]) / (2 * length))
    for p, before in zip(parameters, kept, strict=True):
        p.copy_(before)
    return (4 * slopes[0] - slopes[1]) / 3
