"""Name -> thing, filled by decorators. A new field, reader or method is one new file with one decorated class."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from .types import InputError, Measurement

T = TypeVar("T")


@functools.cache
def load_plugins(group: str, home: str) -> None:
    """Import, once, every module of the room `home` and every one that other packages name in an entry-point group.

    Importing registers what a module holds.
    """
    room = importlib.import_module(f"{__package__}.{home}")
    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)
    for point in importlib.metadata.entry_points(group=f"napari_neuralfield.{group}"):
        point.load()


class Registry(Generic[T]):
    """A named collection that knows how to say what it holds.

    Each has an entry-point group of its own, so that asking for a reader does not import torch.
    """

    def __init__(self, what: str, group: str, home: str) -> None:
        self.what, self._group, self._home = what, group, home
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> T:
        if name in self._entries and self._entries[name] is not entry:
            raise RuntimeError(f"two entries are called {self.what} {name!r}")
        self._entries[name] = entry
        return entry

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator: add the decorated thing under `name`."""
        return lambda entry: self.add(name, entry)

    def __getitem__(self, name: str) -> T:
        load_plugins(self._group, self._home)
        try:
            return self._entries[name]
        except KeyError:
            raise InputError(
                f"{self.what} {name!r} is not known; choose one of {', '.join(sorted(self._entries))}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        load_plugins(self._group, self._home)
        return iter(list(self._entries))

    def __contains__(self, name: object) -> bool:
        load_plugins(self._group, self._home)
        return name in self._entries

    def items(self) -> list[tuple[str, T]]:
        load_plugins(self._group, self._home)
        return list(self._entries.items())


FIELDS: Registry[Any] = Registry("field type", "fields", "fields")
METHODS: Registry[Any] = Registry("method", "methods", "recon")
READERS: Registry[Any] = Registry("reader", "readers", "io")
MEASUREMENTS: Registry[type[Measurement]] = Registry("measurement model", "measurements", "forward")
