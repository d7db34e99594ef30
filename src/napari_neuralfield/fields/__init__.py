"""Continuous representations; they know coordinates only. Importing this package registers them."""

from . import local_conditional, phase_map, phase_network, plane_axis, planes, residual, super_resolved

__all__ = ["local_conditional", "phase_map", "phase_network", "plane_axis", "planes", "residual", "super_resolved"]
