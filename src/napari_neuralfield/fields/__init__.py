"""Continuous representations; they know coordinates only. Importing this package registers them."""

from . import phase_map, plane_axis, planes, residual

__all__ = ["phase_map", "plane_axis", "planes", "residual"]
