"""Continuous representations; they know coordinates only. Importing this package registers them."""

from . import planes

__all__ = ["planes"]
