"""Continuous representations; they know coordinates only. Importing this package registers them."""

from . import plane_axis, planes, residual

__all__ = ["plane_axis", "planes", "residual"]
