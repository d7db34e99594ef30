"""Acquisition and recipe in, events and a field out. Importing this package registers its methods."""

from . import sequential
from .recipe import build as build_recipe
from .recipe import run as reconstruct

__all__ = ["build_recipe", "reconstruct", "sequential"]
