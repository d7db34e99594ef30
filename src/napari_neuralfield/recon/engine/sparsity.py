"""What tells an object from noise: few edges. Wavelets that do not care where their blocks lie, and total variation.

Both are sums over a complex image, so that one weight suits every number of pixels when divided by it. Both have finite
gradients everywhere, at 0 too.
"""

from __future__ import annotations

import math

import torch

from ...optics.grids import intensity

SOFT = 1e-6  # moduli below are rounded off


def modulus(values: torch.Tensor, soft: float = SOFT) -> torch.Tensor:
    """|values| of real or complex numbers, sqrt(|v|^2 + soft^2) - soft: 0 at 0, with gradient 0 there."""
    square = intensity(values) if values.is_complex() else values * values
    return torch.sqrt(square + soft**2) - soft


def random_roll(image: torch.Tensor, levels: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """`image` (y, x) rolled by pixels that `generator` draws, fewer than the largest Haar block of `levels`."""
    down, right = torch.randint(0, 2**levels, (2,), generator=generator).tolist()
    return torch.roll(image, (down, right), dims=(-2, -1))


def haar_l1(
    image: torch.Tensor, levels: int = 1, shift_invariant: bool = True, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Sum of the moduli of an orthonormal Haar transform's details.

    Parameters
    ----------
    image : complex (y, x), periodic; a last odd row or column is left out of a level.
    levels : how often the image is halved.
    shift_invariant : roll the image by random pixels first, so that over many calls no block border is special.
    generator : of the random roll.
    """
    rolled = random_roll(image, levels, generator) if shift_invariant else image
    total = torch.zeros((), device=image.device)
    for _ in range(levels):
        rows, columns = (n - n % 2 for n in rolled.shape)
        if min(rows, columns) < 2:
            break
        upper, lower = rolled[:rows:2, :columns], rolled[1:rows:2, :columns]
        low, high = (upper + lower) / 2, (upper - lower) / 2
        details = (low[:, ::2] - low[:, 1::2], high[:, ::2] + high[:, 1::2], high[:, ::2] - high[:, 1::2])
        total = total + modulus(torch.stack(details)).sum()
        rolled = low[:, ::2] + low[:, 1::2]
    return total


def differences(image: torch.Tensor) -> torch.Tensor:
    """Differences to the next pixel along y and x, periodic: (2, ..., y, x)."""
    return torch.stack([image.roll(-1, -2) - image, image.roll(-1, -1) - image])


def total_variation(image: torch.Tensor, soft: float = 0.02) -> torch.Tensor:
    """Sum of sqrt(|dx/dy|^2 + |dx/dx|^2) of a complex `image` (y, x), rounded off below `soft`, in its units."""
    pair = differences(image)
    return (torch.sqrt(intensity(pair).sum(0) + soft**2) - soft).sum()


def adjoint_differences(pair: torch.Tensor) -> torch.Tensor:
    """Adjoint of `differences`: (2, ..., y, x) -> (..., y, x)."""
    return (pair[0].roll(1, -2) - pair[0]) + (pair[1].roll(1, -1) - pair[1])


def fewer_edges(
    image: torch.Tensor, weight: float, steps: int = 8, dual: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """argmin over x of |x - image|^2 / 2 + weight * sum sqrt(|dx/dy|^2 + |dx/dx|^2), x complex.

    Fast gradient projection on the dual (Beck, Teboulle, IEEE TIP 18, 2419 (2009)).

    Parameters
    ----------
    image : complex (y, x).
    weight : in units of the image.
    dual : (2, y, x), where the last call ended; a warm start needs few steps.

    Returns
    -------
    The new image, and its dual.
    """
    if weight <= 0:
        return image, torch.zeros((2, *image.shape), dtype=image.dtype, device=image.device) if dual is None else dual
    found = torch.zeros((2, *image.shape), dtype=image.dtype, device=image.device) if dual is None else dual
    ahead, pace = found, 1.0
    for _ in range(steps):
        moved = differences(image - weight * adjoint_differences(ahead)).mul_(1 / (8 * weight)).add_(ahead)
        length = intensity(moved).sum(0).sqrt_().clamp_(min=1)
        moved = moved / length
        faster = (1 + math.sqrt(1 + 4 * pace * pace)) / 2
        ahead = moved + ((pace - 1) / faster) * (moved - found)
        found, pace = moved, faster
    return image - weight * adjoint_differences(found), found
