"""What the user chose: one frozen pydantic model per method. File, command line and form all come from it."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pydantic
import yaml

from ... import compute, memory
from ...data.acquisition import Acquisition
from ...data.colours import ONE_COLOUR, refuse_colours
from ...data.derived import SCANS
from ...data.names.plain_files import read_text
from ...registry import METHODS, summary
from ...types import Event, InputError
from .colour import Align, in_colours
from .preparing import prepared_run


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    advanced: bool = False,
    choices: Callable[[], tuple[str, ...]] | None = None,
    **limits: Any,
) -> Any:
    """A recipe field: `default`, one sentence of `help`, `unit`, and pydantic `limits` (`ge`, `gt`, `le`, `lt`).

    An `advanced` one is folded away in a form. `choices` gives those of a text that are only known later, such as names
    of what is registered; a `Literal` needs none.
    """
    extra: Any = {"unit": unit, "advanced": advanced, "choices": choices}
    return pydantic.Field(default, description=help, json_schema_extra=extra, **limits)


class Recipe(pydantic.BaseModel):
    """Options shared by every method."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    method: str = option("", "name of the method")
    device: str = option("auto", "auto, cpu, or a graphics card such as cuda:0", advanced=True)
    as_given: bool = option(
        False, "take the frames as they are: nothing is left out, masked, filled or subtracted", advanced=True
    )
    seed: int = option(0, "seed of every random choice; the same seed gives the same field", ge=0, advanced=True)

    def unused(self) -> dict[str, str]:
        """Options that do nothing beside the others, and what would have them count: 'it counts with fit physics'."""
        return {}

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """What options that are left open come to with an `acquisition`: a value, or words, by name.

        Only what follows without a run, and at once; what the frames decide is not there.
        """
        return {}


Run = Callable[[Any, Any], Iterator[Event]]  # of an acquisition and a recipe


@dataclasses.dataclass(frozen=True)
class Method:
    """A registered way to reconstruct."""

    name: str
    summary: str
    recipe: type[Recipe]
    kinds: tuple[str, ...]
    presets: Mapping[str, Mapping[str, Any]]
    run: Run
    colour: Align | None = None


@dataclasses.dataclass(frozen=True)
class OptionInfo:
    """One option as a form or a help page shows it."""

    name: str
    type: Any
    default: Any
    help: str
    unit: str
    advanced: bool
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    optional: bool


def method(
    name: str,
    recipe: type[Recipe],
    kinds: tuple[str, ...],
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    colour: Align | None = None,
) -> Callable[[Run], Run]:
    """Decorator: register the generator function below as the method `name`; its docstring opens with the summary.

    Parameters
    ----------
    recipe : its fields are the options.
    kinds : of acquisition that the method takes, such as 'led_array'.
    presets : name -> options; 'published' is the paper's.
    colour : puts frames of several colours each about its own focus, so that the method takes them one after the
        other; None: it takes one wavelength.
    """

    def register(run: Run) -> Run:
        found = Method(
            name, opening_line(run), recipe=recipe, kinds=kinds, presets=presets or {}, run=run, colour=colour
        )
        METHODS.add(name, found, run.__module__)
        return run

    return register


def opening_line(function: Callable[..., object]) -> str:
    """The first line of a docstring, which people choose by.

    Raises
    ------
    TypeError : where there is none.
    """
    lines = (function.__doc__ or "").strip().splitlines()
    if not lines:
        raise TypeError(f"{function.__qualname__} has no docstring; its first line tells people what it does")
    return lines[0]


def options(name: str) -> list[OptionInfo]:
    """Every option of a method but its name, in the order of its recipe, the shared ones last."""
    return options_of(METHODS[name].recipe)


def options_of(recipe: type[Recipe]) -> list[OptionInfo]:
    """Every option of a recipe but its method's name: its own, then (as advanced) inherited ones, then the shared."""
    fields = recipe.model_fields
    own = [n for n in recipe.__annotations__ if n in fields and n != "method"]
    inherited = [n for n in fields if n not in own and n not in Recipe.model_fields]
    return [
        *(_info(n, fields[n]) for n in own),
        *(_info(n, fields[n], advanced=True) for n in inherited),
        *(_info(n, fields[n]) for n in ("as_given", "device", "seed")),
    ]


def _info(name: str, field: pydantic.fields.FieldInfo, advanced: bool = False) -> OptionInfo:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    limits = {k: getattr(m, k) for m in field.metadata for k in ("ge", "gt", "le", "lt") if hasattr(m, k)}
    kind: Any = field.annotation
    optional = False
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        members = typing.get_args(kind)
        optional = type(None) in members
        rest = tuple(m for m in members if m is not type(None))
        kind = rest[0] if len(rest) == 1 else typing.Union[rest]  # noqa: UP007
    later: Any = extra.get("choices")
    choices = tuple(typing.get_args(kind)) if typing.get_origin(kind) is typing.Literal else later() if later else ()
    return OptionInfo(
        name=name,
        type=kind,
        default=field.get_default(call_default_factory=True),
        help=field.description or "",
        unit=str(extra.get("unit", "")),
        advanced=advanced or bool(extra.get("advanced")),
        low=limits.get("ge", limits.get("gt")),
        high=limits.get("le", limits.get("lt")),
        choices=choices,
        optional=optional,
    )


def build(name: str, values: Mapping[str, Any] | None = None, preset: str | None = None) -> Any:
    """The recipe of method `name`: its defaults, then the preset, then `values`.

    Raises
    ------
    InputError : for an unknown method, preset or option, a value that breaks its rule, or one that would do nothing.
    """
    entry: Method = METHODS[name]
    chosen: dict[str, Any] = {}
    if preset is not None:
        if preset not in entry.presets:
            known = ", ".join(entry.presets) or "none"
            raise InputError(f"preset {preset!r} is not one of method {name}; it has: {known}")
        chosen.update(entry.presets[preset])
    chosen.update({k: v for k, v in (values or {}).items() if k != "method"})
    built = checked(entry.recipe, {**chosen, "method": name}, f"method {name}")
    _refuse_unused(built, {} if preset is None else entry.presets[preset], values or {})
    return built


def _refuse_unused(built: Recipe, preset: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuse what somebody chose in vain: an option that another one leaves no say."""
    for name, why in built.unused().items():
        usual = preset.get(name, type(built).model_fields[name].get_default(call_default_factory=True))
        if name in values and getattr(built, name) != usual:
            raise InputError(
                f"option {name} of method {built.method} is {getattr(built, name)!r} but does nothing here; {why}, so "
                "leave it out or change that"
            )


def checked(recipe: type[Recipe], values: Mapping[str, Any], owner: str) -> Any:
    """`recipe` with these values; `owner` names it in errors, such as 'method fpm-sequential'.

    Raises
    ------
    InputError : for an unknown option, or a value that breaks its rule.
    """
    try:
        return recipe(**values)
    except pydantic.ValidationError as error:
        raise InputError(_sentence(recipe, owner, error)) from None


def _sentence(recipe: type[Recipe], owner: str, error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    where = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        known = ", ".join(o.name for o in options_of(recipe))
        return f"option {where!r} is not one of {owner}; it has: {known}"
    text = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not where:  # two options that do not go together
        return f"{owner} {text}"
    unit = next((o.unit for o in options_of(recipe) if o.name == where), "")
    if where == "z_um":
        text = "should be one depth or MIN,MAX"
    return f"option {where} of {owner} is {first['input']!r}; it {text}{f' ({unit})' if unit else ''}"


def as_called_now(values: dict[str, Any]) -> dict[str, Any]:
    """Recipe values whose method may have had another name when they were written.

    What is `tie-tv` was called `tie-dct`, as another method is now; only the former has edges and a kernel.
    """
    if values.get("method") == "tie-dct" and not values.keys().isdisjoint(("edges", "kernel")):
        return {**values, "method": "tie-tv"}
    return values


def load(path: str | Path) -> dict[str, Any]:
    """The values in a recipe file (YAML); its method by the name that it has now.

    Raises
    ------
    InputError : where the file cannot be read or is not a mapping.
    """
    text = read_text(path, "the recipe")
    try:
        values = yaml.safe_load(text)
    except (RecursionError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path}: the recipe cannot be read ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: a recipe is a YAML mapping of option: value, this is {type(values).__name__}")
    return as_called_now(values)


def run(acquisition: Acquisition, recipe: Recipe, *, checked: bool = True) -> Iterator[Event]:
    """Reconstruct: the event stream of `recipe.method` on `acquisition`.

    What the frames hold is made good first, unless the recipe takes them as given; what was found comes as notes.

    Parameters
    ----------
    acquisition, recipe : frames, and method and options.
    checked : whether the frames are held against what is said of the microscope; of many tiles one is enough.

    Raises
    ------
    InputError : at once where the method does not take this kind of acquisition; later where its result is not finite.
    """
    entry: Method = METHODS[recipe.method]
    if acquisition.kind not in entry.kinds:
        takers = [n for n, m in METHODS.items() if acquisition.kind in m.kinds]
        raise InputError(
            f"method {entry.name} takes {', '.join(entry.kinds)} but {acquisition.source or 'the acquisition'} is "
            f"{acquisition.kind}; choose {', '.join(takers) or 'another file, since no method takes this kind yet'}"
        )
    if acquisition.channel is None:
        return _run_one(entry, acquisition, recipe, checked)
    if entry.colour is None:
        known = ", ".join(n for n, m in METHODS.items() if acquisition.kind in m.kinds and m.colour is not None)
        remedy = f"{ONE_COLOUR}, or method {known}" if known else ONE_COLOUR
        refuse_colours(acquisition.values(), f"method {entry.name}", remedy, acquisition.source)
    assert entry.colour is not None
    return in_colours(acquisition, recipe, entry.colour, lambda one, chosen: _run_one(entry, one, chosen, checked))


def _run_one(entry: Method, acquisition: Acquisition, recipe: Recipe, checked: bool) -> Iterator[Event]:
    """The events of a method on frames of one wavelength, made ready first; a full memory is said with what helps."""
    try:
        yield from prepared_run(
            acquisition, recipe, entry.name, as_given=recipe.as_given, checked=checked, method=partial(_run, entry)
        )
        return
    except Exception as error:
        if not compute.is_out_of_memory(error):
            raise
        said = _full_memory(error, acquisition, recipe)
    compute.release()  # outside, where nothing of the method is held any longer
    raise InputError(said)


def _full_memory(error: Exception, acquisition: Acquisition, recipe: Recipe) -> str:
    """What to say of memory that ran out in a method."""
    where = compute.device(recipe.device)
    part = "fewer frames (--frames)" if acquisition.kind in SCANS else "a smaller part (--region-um)"
    remedies = [part, *memory.remedies_of(option.name for option in options(recipe.method))]
    if where.type != "cpu":
        remedies.append("the processor's memory (--device cpu)")
    what = f"{acquisition.source or 'the acquisition'}: method {recipe.method} on {where}"
    return memory.sentence(error, remedies, compute.free_bytes(where), what)


def _run(entry: Method, acquisition: Acquisition, recipe: Recipe) -> Iterator[Event]:
    package = METHODS.package(entry.name)
    return _named(entry, package, acquisition, recipe) if package else entry.run(acquisition, recipe)


def _named(entry: Method, package: str, acquisition: Acquisition, recipe: Recipe) -> Iterator[Event]:
    """The events of another package's method; what it did not foresee is said to be that package's."""
    try:
        yield from entry.run(acquisition, recipe)
    except (InputError, OSError):  # a full disk is nobody's fault
        raise
    except Exception as error:
        if compute.is_out_of_memory(error):
            raise
        raise InputError(
            f"method {entry.name} of the plug-in {package} failed ({summary(error)}); report it to its authors"
        ) from error
