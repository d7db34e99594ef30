"""Acquisition and recipe in, events and a field out. Importing this package registers its methods."""

from .recipe import build as recipe
from .recipe import run as reconstruct

__all__ = ["recipe", "reconstruct"]
