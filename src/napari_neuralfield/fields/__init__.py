"""Continuous representations; they know coordinates only. Importing this package registers them."""

from . import local_conditional, phase_map, plane_axis, planes, residual, super_resolved

__all__ = ["local_conditional", "phase_map", "plane_axis", "planes", "residual", "super_resolved"]
