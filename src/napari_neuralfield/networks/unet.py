"""One coarse image in, a finer one out: a U-Net over all scales of the image.

Zhou, Jin, Lu, Li, Zuo, Laser Photonics Rev. 18, 2300488 (2024), after Ronneberger, Fischer, Brox, MICCAI 2015: the
frame is interpolated to fine pixels, then four times two convolutions and a maximum over 2 x 2 pixels, and back up
with skips. Nothing is known between the frame's pixels, so the same net may work on these and make the fine ones at
its end by a sub-pixel convolution (Shi et al., CVPR 2016): a fifteenth of the work.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from .plain_images import plain_frame

Norm = Literal["none", "batch", "group"]
GROUPS = 8
BAND = 64  # rows that the last layers answer at a time
HALO = 2


class Block(nn.Module):
    """Two 3 x 3 convolutions; without a norm the second one adds to the first."""

    def __init__(self, given: int, channels: int, norm: Norm) -> None:
        super().__init__()
        self.first = nn.Conv2d(given, channels, 3, padding=1, bias=norm == "none")
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=norm == "none")
        self.norms = nn.ModuleList(_norm(norm, channels) for _ in range(0 if norm == "none" else 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.norms:
            x = functional.relu(self.first(x))
            return functional.relu(x + self.second(x))
        for convolution, norm in zip((self.first, self.second), self.norms, strict=True):
            x = functional.relu(norm(convolution(x)))
        return x


def _norm(norm: Norm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(math.gcd(GROUPS, channels), channels)


class UNet(nn.Module):
    """Images (n, input, y, x) to answers (n, output, y * upsampling, x * upsampling).

    Parameters
    ----------
    inputs : channels of an image.
    widths : channels of each level, the finest first; the last is the bottom. Published: 64, 128, 256, 512, 1024.
    norm : after each convolution: 'batch' as published, 'group', or 'none'. Only without or with batch norm does a
        part of a field not depend on the rest.
    entry : 'bicubic', interpolated to fine pixels first, as published; 'pixels', sub-pixel convolution at the end.
    outputs : 1, or 2 with the logarithm of the scale of a Laplace distribution beside the phase.
    head : channels on fine pixels, with entry 'pixels'.
    unit : None, or that of the contrast, the images' first channel: the network, as the published one, then sees a
        frame over its mean and nothing else.
    """

    def __init__(
        self,
        *,
        inputs: int = 4,
        widths: Sequence[int] = (64, 128, 256, 512, 1024),
        norm: Norm = "batch",
        entry: Literal["bicubic", "pixels"] = "bicubic",
        upsampling: int = 4,
        outputs: int = 1,
        head: int = 16,
        unit: float | None = None,
    ) -> None:
        super().__init__()
        self.sizes: dict[str, object] = {
            "inputs": inputs, "widths": list(widths), "norm": norm, "entry": entry, "upsampling": upsampling,
            "outputs": outputs, "head": head, "unit": unit,
        }  # fmt: skip
        self.upsampling, self.outputs, self.entry, self.unit = upsampling, outputs, entry, unit
        pairs = list(itertools.pairwise(widths))
        self.down = nn.ModuleList(Block(a, b, norm) for a, b in zip((inputs, *widths[:-1]), widths, strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in reversed(pairs))
        self.join = nn.ModuleList(Block(2 * a, a, norm) for a, _ in reversed(pairs))
        if entry == "bicubic":
            self.last = nn.Sequential(nn.Conv2d(widths[0], outputs, 1))
        else:
            self.last = nn.Sequential(
                nn.Conv2d(widths[0], head * upsampling**2, 3, padding=1),
                nn.PixelShuffle(upsampling),
                nn.ReLU(),
                nn.Conv2d(head, outputs, 3, padding=1),
            )

    @property
    def multiple(self) -> int:
        """Pixels of an image that fall together at the bottom; tiles must begin at whole multiples of them."""
        levels = int(2 ** len(self.up))
        return max(1, levels // self.upsampling) if self.entry == "bicubic" else levels

    @property
    def margin(self) -> int:
        """Pixels on either side of a tile, a whole multiple of `multiple`, beyond which nothing matters to it."""
        levels = len(self.up)
        reach = 4 * (2**levels - 1) + 2 * 2**levels
        reach = math.ceil(reach / self.upsampling) + 2 if self.entry == "bicubic" else reach + 2
        return math.ceil(reach / self.multiple) * self.multiple

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        images = images if self.unit is None else plain_frame(images, self.unit)
        rows, columns = images.shape[-2:]
        short = [-n % self.multiple for n in (rows, columns)]
        x = functional.pad(images, (0, short[1], 0, short[0]), mode="reflect") if any(short) else images
        if self.entry == "bicubic":
            x = functional.interpolate(x, scale_factor=self.upsampling, mode="bicubic", align_corners=False)
        skips = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else functional.max_pool2d(x, 2))
            skips.append(x)
        skips.pop()
        for up, join in zip(self.up, self.join, strict=True):
            x = join(torch.cat([up(x), skips.pop()], dim=1))
        answer = self._finished(x)
        return answer[..., : rows * self.upsampling, : columns * self.upsampling].float()

    def _finished(self, x: torch.Tensor) -> torch.Tensor:
        """The last layers on (n, channel, y, x); where nothing is learned in bands, since they are large."""
        rows = x.shape[2]
        if torch.is_grad_enabled() or rows <= BAND:
            found: torch.Tensor = self.last(x)
            return found
        factor = self.upsampling if self.entry == "pixels" else 1
        bands = []
        for top in range(0, rows, BAND):
            low, high = max(0, top - HALO), min(rows, top + BAND + HALO)
            band = self.last(x[:, :, low:high])
            bands.append(band[:, :, (top - low) * factor : (min(rows, top + BAND) - low) * factor].clone())
        return torch.cat(bands, dim=2)
