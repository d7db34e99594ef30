"""Phasor neurons: a complex network with activation exp(i z), its adjoint written by hand.

theta = V x,  h = exp(i theta),  g = exp(i A h),  out = b . g

for real features x: the first layer's modulus is exactly 1, so that it is a cosine and a sine. Frequencies and biases
of the neurons are folded into V, A and b before (`heads.Phasor`): exp(i w (z + c)) = exp(i w c) exp(i w z). All
products are real, and the pixels are taken in pieces that stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.autograd.function import FunctionCtx

FACTOR = 1e-8  # of the network's output, at first
PIECE = 1024  # pixels taken at once on a processor


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a (m, k) times b (k, n); by oneDNN where torch has it, which multiplies twice as fast as torch's `@`."""
    if a.device.type == "cpu" and a.dtype == torch.float32 and _HAS_ONEDNN:
        return _by_onednn(a, b)
    return a @ b


def _by_onednn(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(a, b.T, None, attr="none", scalars=[], algorithm="")


def _has_onednn() -> bool:
    a = torch.ones(2, 2)
    try:
        return bool((_by_onednn(a, a) == 2).all())
    except (AttributeError, RuntimeError):  # a build of torch without oneDNN
        return False


_HAS_ONEDNN = _has_onednn()


def _into(function: np.ufunc, values: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
    """`function` of NumPy's, whose sine, cosine and exponential are twice as fast as torch's on a processor."""
    if values.device.type == "cpu":
        function(values.numpy(), out=out.numpy())
        return out
    return getattr(torch, function.__name__)(values, out=out)


def _circle(angle: torch.Tensor, out: torch.Tensor) -> None:
    """Cosines, then sines, of `angle` (neuron, pixel) into `out` (2 neuron, pixel)."""
    _into(np.cos, angle, out[: len(angle)])
    _into(np.sin, angle, out[len(angle) :])


def pieces(numbers: torch.Tensor) -> Iterator[slice]:
    """Slices of the pixels of (feature, pixel)."""
    total = numbers.shape[1]
    size = PIECE if numbers.device.type == "cpu" else total
    yield from (slice(start, min(start + size, total)) for start in range(0, total, size))


def _as_real(matrix: torch.Tensor) -> torch.Tensor:
    """The real matrix (2 m, 2 k) that multiplies (real; imaginary) as the complex `matrix` (m, k) does."""
    return torch.cat([torch.cat([matrix.real, -matrix.imag], 1), torch.cat([matrix.imag, matrix.real], 1)])


def phasor(x: torch.Tensor, first: torch.Tensor, second: torch.Tensor, last: torch.Tensor) -> torch.Tensor:
    """The network's output on all pixels.

    Parameters
    ----------
    x : real features (feature, pixel).
    first : V, real (neuron, feature); second : A, complex (neuron, neuron); last : b, complex (1, neuron).

    Returns
    -------
    Real and imaginary part (2, pixel).
    """
    return _Phasor.apply(x, first, _as_real(second), _as_real(last), torch.is_grad_enabled())


class Saving(FunctionCtx):
    """What a function with a gradient of its own hands from its forward to its backward pass."""

    saved_tensors: tuple[torch.Tensor, ...]
    kept: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]


class _Phasor(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Saving, x: torch.Tensor, first: torch.Tensor, second: torch.Tensor, last: torch.Tensor, keep: bool
    ) -> torch.Tensor:
        out = x.new_empty(2, x.shape[1])
        kept, half = [], len(first)
        for part in pieces(x):
            here = x[:, part].contiguous()
            angle = product(first, here)
            h = angle.new_empty(2 * half, angle.shape[1])
            _circle(angle, h)
            z = product(second, h)
            g = torch.empty_like(h)
            _circle(z[:half], g)
            decay = _into(np.exp, z[half:].neg_(), z[half:])
            g[:half] *= decay
            g[half:] *= decay
            out[:, part] = product(last, g)
            if keep:  # 1 kB per pixel of 64 neurons
                kept.append((here, h, g))
        ctx.kept = kept
        ctx.save_for_backward(first, second, last)
        return out

    @staticmethod
    def backward(ctx: Saving, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        first, second, last = ctx.saved_tensors
        dx = gradient.new_empty(first.shape[1], gradient.shape[1])
        dfirst, dsecond, dlast = (torch.zeros_like(numbers) for numbers in (first, second, last))
        half = len(first)
        # d out = b i g dz: with m = conj(g) d out, the gradient of z is conj(i b) m, folded into the next product
        turn = torch.complex(last[1, :half], last[0, :half])  # conj(i b) = -i conj(b) = -(imag + i real)
        turned = _as_real(torch.diag(-turn))
        back = product(second.T.contiguous(), turned)
        for part, (x, h, g) in zip(pieces(gradient), ctx.kept, strict=True):
            real, imag = gradient[0, part], gradient[1, part]
            dlast += product(gradient[:, part].contiguous(), g.T)
            m = torch.empty_like(g)
            torch.mul(g[:half], real, out=m[:half]).addcmul_(g[half:], imag)
            torch.mul(g[:half], imag, out=m[half:]).addcmul_(g[half:], real, value=-1)
            dsecond += product(m, h.T)
            dh = product(back, m)
            dtheta = dh[half:].mul_(h[:half]).addcmul_(dh[:half], h[half:], value=-1)
            dfirst += product(dtheta, x.T)
            dx[:, part] = product(first.T, dtheta)
        return dx, dfirst, product(turned, dsecond), dlast, None
