"""Name -> thing, filled by decorators: one new file with one decorated thing, here or in somebody else's package.

Whatever another package does wrong costs that package its place and is told as a `PluginProblem`; ours stay.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
import inspect
import logging
import pkgutil
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .types import Field, InputError, MeasurementModel, Reader, Result, Verdict

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
Thing = TypeVar("Thing")
Write = TypeVar("Write", bound=Callable[..., None])

log = logging.getLogger(__package__)
_ALL: list[Registry[Any]] = []
_LOCK = threading.RLock()
_PROBLEMS: list[PluginProblem] = []
_point: EntryPoint | None = None  # being imported


@dataclasses.dataclass(frozen=True)
class PluginProblem:
    """What another package does wrong.

    Parameters
    ----------
    package : its distribution and version.
    entry_point : the line that names what is wrong, or the name of a thing that failed in use.
    error : what went wrong.
    """

    package: str
    entry_point: str
    error: str

    def __str__(self) -> str:
        return f"plug-in {self.package} ({self.entry_point}) is left out: {self.error}"


def problems() -> tuple[PluginProblem, ...]:
    """What other packages have done wrong so far."""
    return tuple(_PROBLEMS)


def report(package: str, entry_point: str, error: BaseException | str) -> None:
    """Tell once, as a warning of the logger `napari_neuralfield`, what another package does wrong.

    Parameters
    ----------
    package, entry_point : as in `PluginProblem`.
    error : what was raised, or a sentence.
    """
    problem = PluginProblem(package, entry_point, error if isinstance(error, str) else summary(error))
    if problem not in _PROBLEMS:
        _PROBLEMS.append(problem)
        log.warning("%s", problem)


def summary(error: BaseException) -> str:
    """An error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


class Registry(Generic[T]):
    """A named collection that knows how to say what it holds.

    Each has an entry-point group of its own, so that asking for a reader does not import torch.

    Parameters
    ----------
    what : one of them is called so in sentences.
    group : other packages name their modules in the entry points `napari_neuralfield.{group}`.
    homes : rooms whose modules hold ours, such as 'io.writers', or modules.
    offer : how the sentence goes on that lists the known names.
    """

    def __init__(self, what: str, group: str, *homes: str, offer: str = "choose one of") -> None:
        self.what, self.group, self._homes, self._offer = what, f"{__package__}.{group}", homes, offer
        self._entries: dict[str, T] = {}
        self._origins: dict[str, tuple[str, str, T]] = {}  # package, entry point and thing, where it is not ours
        self._loaded = self._loading = False
        _ALL.append(self)

    def add(self, name: str, thing: T, module: str = "") -> T:
        """Add `thing` under `name`. Of two things ours stays, else the first.

        Parameters
        ----------
        name : to ask for it by.
        thing : what is registered.
        module : that it was written in, where the thing does not know it itself.

        Raises
        ------
        RuntimeError : where the name is taken.
        """
        package, point = _origin(module or _module(thing))
        if name in self._entries and self._entries[name] is not thing:
            before = self.package(name)
            stays = before if package else ""
            error = f"two entries are called {self.what} {name!r}; that of {stays or 'napari-neuralfield'} stays"
            if package or not before:
                raise RuntimeError(error)
            report(before, self._origins.pop(name)[1], error)
        self._entries[name] = thing
        if package:
            self._origins[name] = package, point, thing
        return thing

    def register(self, name: str) -> Callable[[Thing], Thing]:
        """Decorator: add the decorated thing under `name`."""

        def add(thing: Thing) -> Thing:
            self.add(name, thing)  # type: ignore[arg-type]
            return thing

        return add

    def package(self, name: str) -> str:
        """Distribution and version of the package that an entry comes from; '' for ours and for unknown names."""
        package, _, thing = self._origins.get(name, ("", "", None))
        return package if thing is self._entries.get(name) else ""

    def fails_in_use(self, name: str, error: BaseException) -> None:
        """Tell, once, that an entry of another package cannot be used.

        Parameters
        ----------
        name : of the entry.
        error : that it raised.
        """
        report(self.package(name), f"{self.what} {name}", error)

    def __getitem__(self, name: str) -> T:
        self._load()
        try:
            return self._entries[name]
        except KeyError:
            raise InputError(
                f"{self.what} {name!r} is not known; {self._offer} {', '.join(sorted(self._entries))}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(list(self._entries))

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def items(self) -> list[tuple[str, T]]:
        self._load()
        return list(self._entries.items())

    def _load(self) -> None:
        """Import, once, every module of the homes, then those that other packages name."""
        if self._loaded:
            return
        with _LOCK:
            if self._loaded or self._loading:  # a module that is being imported asks
                return
            self._loading = True
            try:
                for home in self._homes:
                    room = importlib.import_module(f"{__package__}.{home}")
                    for module in pkgutil.walk_packages(getattr(room, "__path__", ()), f"{room.__name__}."):
                        importlib.import_module(module.name)
                for point in _points().get(self.group, ()):
                    _import(point)
                self._loaded = True
            finally:
                self._loading = False


def _import(point: EntryPoint) -> None:
    """Import what another package names; where that fails, what the package has registered until then goes again."""
    global _point
    known = [set(registry._entries) for registry in _ALL]
    modules = set(sys.modules)
    before, _point = _point, point
    try:
        point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        package, top = _distribution(point), point.module.partition(".")[0]
        for registry, names in zip(_ALL, known, strict=True):
            for name in set(registry._entries) - names:
                if registry.package(name) == package:
                    del registry._entries[name], registry._origins[name]
        for name in set(sys.modules) - modules:  # so that its other entry points are imported again
            if name.partition(".")[0] == top:
                del sys.modules[name]
        report(package, _line(point), error)
    finally:
        _point = before


@functools.cache
def _points() -> dict[str, list[EntryPoint]]:
    """Group -> what other packages name in it, in a fixed order."""
    found = importlib.metadata.entry_points()
    groups = {registry.group for registry in _ALL}
    return {group: sorted(found.select(group=group), key=lambda p: (_distribution(p), p.name)) for group in groups}


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.module.partition(".")[0]


def _line(point: EntryPoint) -> str:
    return f"{point.group}: {point.name} = {point.value}"


def _module(thing: object) -> str:
    """The module that a class or function was written in; '' where it is neither."""
    return thing.__module__ if inspect.isroutine(thing) or inspect.isclass(thing) else ""


def _origin(module: str) -> tuple[str, str]:
    """Package and entry point of what is registered from a module; ('', '') for ours."""
    top = module.partition(".")[0]
    if top == __package__ or (not top and _point is None):
        return "", ""
    if _point is not None:
        return _distribution(_point), _line(_point)
    named = [point for points in _points().values() for point in points if point.module.partition(".")[0] == top]
    return (_distribution(named[0]) if named else top), module


Simulate = Callable[..., "tuple[Any, dict[str, np.ndarray]]"]  # seed -> a data.acquisition.Acquisition, and its truth
Judge = Callable[[Any, Result], Verdict]  # of the data.acquisition.Acquisition that was reconstructed, and the answer
METHODS: Registry[Any] = Registry("method", "methods", "recon")  # recon.engine.recipe.Method
FIELDS: Registry[Callable[..., Field]] = Registry("field type", "fields", "fields")
READERS: Registry[Callable[[], Reader]] = Registry("reader", "readers", "io.native.acquisition_file", "io.readers")
MEASUREMENTS: Registry[MeasurementModel] = Registry("measurement model", "measurements", "forward")
SIMULATORS: Registry[Simulate] = Registry("simulation", "simulators", "simulate")
NETWORKS: Registry[Any] = Registry(  # recon.training.networks.Training
    "network", "networks", "recon.training", offer="what can be trained is"
)
JUDGES: Registry[Judge] = Registry("kind", "judges", "recon.verdict", offer="what can be judged is")
WRITERS: Registry[Callable[..., None]] = Registry(  # of a path, strips and a stack
    "ending", "writers", "io.writers"
)

field, reader, measurement = FIELDS.register, READERS.register, MEASUREMENTS.register
judge = JUDGES.register  # of answers to acquisitions of a kind


def simulator(name: str, **preset: object) -> Callable[[Simulate], Simulate]:
    """Decorator: register the function below as a virtual microscope.

    It takes a seed and returns the acquisition and its truth by name, arrays or numbers.

    Parameters
    ----------
    preset : keyword arguments that are set under this name.
    """

    def register(run: Simulate) -> Simulate:
        SIMULATORS.add(name, partial(run, **preset) if preset else run, run.__module__)
        return run

    return register


def writer(*endings: str) -> Callable[[Write], Write]:
    """Decorator: register the function below as what writes files of these endings, such as '.csv'.

    It is called with a path, the rows of the planes as they come, and an `io.writers.stack.Stack`.
    """

    def register(write: Write) -> Write:
        for ending in endings:
            WRITERS.add(ending.lower(), write)
        return write

    return register
