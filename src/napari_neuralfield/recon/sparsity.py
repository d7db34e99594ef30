"""What tells an object from noise: few edges. Wavelets that do not care where their blocks lie, and total variation.

Both are sums over a complex image, so that one weight suits every number of pixels when divided by it. Both have finite
gradients everywhere, at 0 too.
"""

from __future__ import annotations

import torch

SOFT = 1e-6  # moduli below are rounded off


def modulus(values: torch.Tensor, soft: float = SOFT) -> torch.Tensor:
    """|values| of real or complex numbers, sqrt(|v|^2 + soft^2) - soft: 0 at 0, with gradient 0 there."""
    square = (values * values.conj()).real if values.is_complex() else values * values
    return torch.sqrt(square + soft**2) - soft


def random_roll(image: torch.Tensor, levels: int, generator: torch.Generator | None = None) -> torch.Tensor:
    """`image` (y, x) rolled by random pixels, fewer than the largest Haar block of `levels` along each axis."""
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


def total_variation(image: torch.Tensor) -> torch.Tensor:
    """Isotropic total variation of a complex periodic image (y, x): sum of sqrt(|d/dy|^2 + |d/dx|^2)."""
    down = torch.roll(image, -1, dims=-2) - image
    right = torch.roll(image, -1, dims=-1) - image
    square = (down * down.conj() + right * right.conj()).real
    return (torch.sqrt(square + SOFT**2) - SOFT).sum()
