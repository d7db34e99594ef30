"""Images in, phase at any point out: convolutional encoders and a decoder that is asked point by point.

The local conditional network of Wang, Zhu, Li, Yang, Tian (Adv. Photon. Nexus 3, 056005, 2024), in one class of any
size. Encoders without up-sampling (after EDSR) make one latent vector per pixel. The phase at a point is a small
perceptron's answer to the 3 x 3 latents around a pixel nearby and the point's place relative to it; the answers of
the four pixels around the point are blended by area.

The perceptron's first layer over unfolded 3 x 3 latents is a 3 x 3 convolution, done once per pixel; the point's
place adds a term of y and a term of x. So a grid of any density costs little more than its hidden layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from .plain_images import plain_patterns

BAND_VALUES = 2**19  # numbers of a layer that are worked on at a time: what fits into a cache
CONVOLVED = 6  # the up-sampling of the convolutional decoder


class Residual(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second(functional.relu(self.first(x)))


class Encoder(nn.Module):
    """Residual blocks at the images' own pixels, with a long skip: (n, given, y, x) -> (n, channels, y, x)."""

    def __init__(self, given: int, channels: int, blocks: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.head = nn.Conv2d(given, channels, 3, padding=1)
        self.blocks = nn.Sequential(*(Residual(channels, dilations[i % len(dilations)]) for i in range(blocks)))
        self.tail = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        start = self.head(x)
        return start + self.tail(self.blocks(start))


class LocalConditionalNetwork(nn.Module):
    """Encoders and local decoder.

    Parameters
    ----------
    groups : which input channels each encoder sees.
    channels, blocks : of each encoder.
    dilations : of the blocks' convolutions, repeated in turn.
    width, depth : of the perceptron's hidden layers.
    unfold : the perceptron sees 3 x 3 latents, not one.
    ensemble : blend the answers of the four pixels around a point; else only the nearest is asked.
    cell : the perceptron is told the size of a pixel of the answer.
    outputs : 1, or 2 with the logarithm of the scale of a Laplace distribution beside the phase.
    decoder : 'coordinates', or the ablation 'convolution': convolutions that answer on a 6 x finer grid, between
        whose pixels the answer is interpolated.
    knee : None, or that of the images' compressed dark field: the network, as the published one, then sees
        intensities (`plain_images.plain_patterns`), and `groups` count these.
    """

    def __init__(
        self,
        *,
        groups: Sequence[Sequence[int]] = ((0, 1), (2, 3, 4), (5,)),
        channels: int = 128,
        blocks: int = 32,
        dilations: Sequence[int] = (1,),
        width: int = 256,
        depth: int = 5,
        unfold: bool = True,
        ensemble: bool = True,
        cell: bool = True,
        outputs: int = 1,
        decoder: Literal["coordinates", "convolution"] = "coordinates",
        knee: float | None = None,
    ) -> None:
        super().__init__()
        self.sizes: dict[str, object] = {
            "groups": [list(group) for group in groups], "channels": channels, "blocks": blocks,
            "dilations": list(dilations), "width": width, "depth": depth, "unfold": unfold, "ensemble": ensemble,
            "cell": cell, "outputs": outputs, "decoder": decoder, "knee": knee,
        }  # fmt: skip
        self.groups, self.outputs, self.ensemble, self.decoder = groups, outputs, ensemble, decoder
        self.knee = knee
        reach = 2 + sum(2 * int(dilations[i % len(dilations)]) for i in range(blocks))
        self.margin = reach + (2 if decoder == "convolution" else int(unfold)) + 1  # on either side of a point
        self.encoders = nn.ModuleList(Encoder(len(group), channels, blocks, dilations) for group in groups)
        latents = channels * len(groups)
        kernel = 3 if unfold else 1
        if decoder == "convolution":
            self.expand = nn.Sequential(
                nn.Conv2d(latents, width, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(width, outputs * CONVOLVED**2, 3, padding=1),
                nn.PixelShuffle(CONVOLVED),
            )
            return
        self.first = nn.Conv2d(latents, width, kernel, padding=kernel // 2)
        self.place = nn.Linear(4 if cell else 2, width, bias=False)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.last = nn.Linear(width, outputs)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Latents (n, channel, y, x) of images (n, input, y, x), after the decoder's convolution."""
        images = images if self.knee is None else plain_patterns(images, self.knee)
        found = [encoder(images[:, list(group)]) for encoder, group in zip(self.encoders, self.groups, strict=True)]
        latents = torch.cat(found, dim=1) if len(found) > 1 else found[0]
        if self.decoder == "convolution":
            return self.expand(latents)
        return self.first(latents)

    def on_grid(self, encoded: torch.Tensor, y: torch.Tensor, x: torch.Tensor, cell: float = 1 / 6) -> torch.Tensor:
        """Answers (n, output, Y, X) at the crossings of two axes.

        Parameters
        ----------
        encoded : of `encode` (n, channel, rows, columns).
        y, x : places along the axes, in pixels of the images; 0 is the centre of the first pixel.
        cell : size of a pixel of the answer, in pixels of the images.
        """
        if self.decoder == "convolution":
            return _between(encoded, y * CONVOLVED, x * CONVOLVED)
        width, columns = encoded.shape[1], max(1, x.numel())
        rows = max(1, BAND_VALUES // (columns * width * encoded.shape[0]))
        bands = [self._band(encoded, part, x, cell) for part in torch.split(y, rows)]
        return torch.cat(bands, dim=2) if len(bands) > 1 else bands[0]

    def _band(self, encoded: torch.Tensor, y: torch.Tensor, x: torch.Tensor, cell: float) -> torch.Tensor:
        corners_y, corners_x = (neighbours(a, n, self.ensemble) for a, n in zip((y, x), encoded.shape[2:], strict=True))
        weight = self.place.weight.to(encoded.dtype)  # (width, 2 or 4)
        fixed = 2 * cell * (weight[:, 2] + weight[:, 3]) if weight.shape[1] == 4 else 0
        answer: torch.Tensor | float = 0.0
        points = encoded.permute(0, 2, 3, 1)  # (n, row, column, width)
        for at_y, away_y, share_y in corners_y:
            along_y = 2 * away_y.to(encoded.dtype)[:, None] * weight[:, 0] + fixed
            rows = points[:, at_y] + along_y[:, None]
            for at_x, away_x, share_x in corners_x:
                here = rows[:, :, at_x]
                here += 2 * away_x.to(encoded.dtype)[:, None] * weight[:, 1]
                answer = answer + self._answer(here) * (share_y[:, None] * share_x[None, :])[..., None]
        assert isinstance(answer, torch.Tensor)
        return answer.permute(0, 3, 1, 2)

    def _answer(self, first: torch.Tensor) -> torch.Tensor:
        """The perceptron behind its first layer's sums (..., width)."""
        x = functional.relu(first, inplace=not torch.is_grad_enabled())
        for layer in self.hidden:
            assert isinstance(layer, nn.Linear)
            x = _dense(x, layer)
        return self.last(x).float()

    def at_points(self, encoded: torch.Tensor, y: torch.Tensor, x: torch.Tensor, cell: float = 1 / 6) -> torch.Tensor:
        """Answers (n, output, point) at points.

        Parameters
        ----------
        encoded, cell : as in `on_grid`.
        y, x : places of the points (point,), in pixels of the images.
        """
        if self.decoder == "convolution":
            return torch.stack([_between(encoded, a[None], b[None])[:, :, 0, 0] for a, b in zip(
                y * CONVOLVED, x * CONVOLVED, strict=True)], dim=-1)  # fmt: skip
        weight = self.place.weight.to(encoded.dtype)
        fixed = 2 * cell * (weight[:, 2] + weight[:, 3]) if weight.shape[1] == 4 else 0
        answer: torch.Tensor | float = 0.0
        points = encoded.permute(0, 2, 3, 1)
        for at_y, away_y, share_y in neighbours(y, encoded.shape[2], self.ensemble):
            for at_x, away_x, share_x in neighbours(x, encoded.shape[3], self.ensemble):
                place = 2 * (away_y[:, None] * weight[:, 0] + away_x[:, None] * weight[:, 1]) + fixed
                answer = answer + self._answer(points[:, at_y, at_x] + place) * (share_y * share_x)[:, None]
        assert isinstance(answer, torch.Tensor)
        return answer.transpose(1, 2)


def _dense(x: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    """relu(layer(x)) of rows (..., width).

    On a processor by oneDNN, which multiplies single-precision matrices twice as fast there as the default where
    the processor is not Intel's; its operator has no gradient.
    """
    if torch.is_grad_enabled() or x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return functional.relu(layer(x), inplace=not torch.is_grad_enabled())
    weight, bias = layer.weight.to(x.dtype), None if layer.bias is None else layer.bias.to(x.dtype)
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, attr="relu", scalars=[], algorithm="")


def neighbours(at: torch.Tensor, count: int, both: bool) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """For places `at` along an axis of `count` pixels: a pixel, the way from it, and its share of the answer.

    Two of them where `both`, the pixels on either side; else the nearest alone. Beyond the ends the last pixel counts.
    """
    if not both:
        near = torch.round(at).long().clamp(0, count - 1)
        return [(near, at - near, torch.ones_like(at))]
    below = torch.floor(at)
    part = at - below
    low, high = below.long().clamp(0, count - 1), (below.long() + 1).clamp(0, count - 1)
    return [(low, at - low, 1 - part), (high, at - high, part)]


def _between(grid: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Bilinear values (n, output, Y, X) of a fine grid at places along its axes."""
    (low_y, _, w_y), (high_y, _, v_y) = neighbours(y, grid.shape[2], True)
    (low_x, _, w_x), (high_x, _, v_x) = neighbours(x, grid.shape[3], True)
    rows = grid[:, :, low_y] * w_y[:, None] + grid[:, :, high_y] * v_y[:, None]
    return rows[..., low_x] * w_x + rows[..., high_x] * v_x
