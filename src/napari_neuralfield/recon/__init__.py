"""Acquisition and recipe in, events and a field out: a room for each microscope around one engine."""

from .engine.recipe import build as build_recipe
from .engine.recipe import run as reconstruct
from .recommended import BEST, recommended

__all__ = ["BEST", "build_recipe", "recommended", "reconstruct"]
