"""Three convolutions on an interpolated frame: the network that the U-Net is compared with.

Dong, Loy, He, Tang, IEEE Trans. Pattern Anal. Mach. Intell. 38, 295 (2016), 9-1-5: 64 filters of 9 x 9, 32 of 1 x 1,
and one of 5 x 5.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

BORDER = 2 + 4 + 2  # fine pixels: half of 9 and 5, and the interpolation's reach


class SuperResolutionCnn(nn.Module):
    """Images (n, input, y, x) to answers (n, output, y * upsampling, x * upsampling)."""

    def __init__(self, *, inputs: int = 4, outputs: int = 1, upsampling: int = 4) -> None:
        super().__init__()
        self.sizes: dict[str, object] = {"inputs": inputs, "outputs": outputs, "upsampling": upsampling}
        self.upsampling, self.outputs, self.multiple = upsampling, outputs, 1
        self.margin = 2 + -(-BORDER // upsampling)
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, 64, 9, padding=4),
            nn.ReLU(),
            nn.Conv2d(64, 32, 1),
            nn.ReLU(),
            nn.Conv2d(32, outputs, 5, padding=2),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        fine = functional.interpolate(images, scale_factor=self.upsampling, mode="bicubic", align_corners=False)
        answer: torch.Tensor = self.layers(fine)
        return answer.float()
