"""A graphics card for machines that have none: its tensors say `pretend:0` and keep their numbers on the processor.

    with PretendedCard() as card:
        ...                     # device="pretend:0" can be chosen
    card.done, card.waits       # what it was asked to do, and where the program waited for a number of it

It refuses what a real card refuses: tensors and random generators of the processor, NumPy and, on request
(`double=False`), double precision, which Apple's have not. It tells nothing of speed, of rounding, or of operators
that a card lacks.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing

from napari_neuralfield import compute

KIND = "pretend"
if torch._C._get_privateuse1_backend_name() != KIND:
    backend_registration._setup_privateuseone_for_python_backend(KIND)
CARD, PROCESSOR = torch.device(KIND, 0), torch.device("cpu")
aten = torch.ops.aten

# By the name of the operator: those that may join the two, those whose answer the program must wait for, and those
# that are the work of a network or a transform.
COPIES = {"copy_", "_to_copy", "set_"}
LOOKUPS = {"index", "index_put", "index_put_", "_index_put_impl_"}
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2", "unique_dim", "bincount"}
HEAVY = ("mm", "bmm", "addmm", "convolution", "_fft", "linear", "einsum")
DOUBLE = {torch.float64, torch.complex128}


class OnCard(torch.Tensor):
    """A tensor of the pretended card; `held` has its numbers."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnCard:
        outside = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            layout=held.layout, device=CARD, requires_grad=False,
        )  # fmt: skip
        outside.held = held
        return outside

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _card().call(func, args, kwargs or {})

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_on_card(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_on_card(key), value)

    def tolist(self) -> Any:
        return self.to(PROCESSOR).tolist()

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"can't convert {CARD} device type tensor to numpy; use Tensor.cpu() first")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.numpy()

    def __repr__(self, **kwargs: Any) -> str:
        return f"OnCard({self.held!r})"


def _on_card(key: Any) -> Any:
    """An index whose tensors lie on the card: torch brings them there by itself, but below what can be watched."""
    if isinstance(key, tuple):
        return tuple(_on_card(part) for part in key)
    if isinstance(key, list | np.ndarray):
        key = torch.from_numpy(np.asarray(key))
    return OnCard(key) if isinstance(key, torch.Tensor) and not isinstance(key, OnCard) else key


def _held(value: Any) -> Any:
    return value.held if isinstance(value, OnCard) else value


def _each(do: Callable[[Any], Any], value: Any) -> Any:
    """`do` of a value, or of each in a list: no operator takes deeper ones, and torch's own trees cost half a run."""
    return type(value)(do(one) for one in value) if type(value) in (list, tuple) else do(value)


def _tensors(args: Any, kwargs: dict[str, Any]) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for value in (*args, *kwargs.values()):
        some = value if isinstance(value, list | tuple) else (value,)
        found += [one for one in some if isinstance(one, torch.Tensor)]
    return found


_CARDS: list[PretendedCard] = []


def _card() -> PretendedCard:
    return _CARDS[-1]


class PretendedCard(TorchDispatchMode):
    """While it is entered, the device `pretend:0` is there, and every step on it is counted.

    Parameters
    ----------
    double : whether it knows float64 and complex128.
    """

    def __init__(self, double: bool = True) -> None:
        super().__init__()
        self.double = double
        self.done: Counter[str] = Counter()  # operator -> calls on the card
        self.waits: Counter[tuple[str, str]] = Counter()  # (line of the package, operator) -> host waits for the card
        self.left_behind: Counter[tuple[str, str]] = Counter()  # the same -> heavy work that the processor does
        self._undo = ExitStack()

    def __enter__(self) -> PretendedCard:
        super().__enter__()
        for name in ("tensor", "as_tensor"):
            self._undo.enter_context(mock.patch.object(torch, name, _through_processor(getattr(torch, name))))
        self._undo.enter_context(mock.patch.object(compute, "devices", return_value=[str(CARD), "cpu"]))
        if not self.double:
            self._undo.enter_context(mock.patch.object(compute, "WITHOUT_DOUBLE", {KIND}))
        future = torch.__future__  # a module gets new parameters: the insides of an old one would not follow
        self._undo.callback(future.set_overwrite_module_params_on_conversion, False)
        future.set_overwrite_module_params_on_conversion(True)
        _CARDS.append(self)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        _CARDS.remove(self)
        self._undo.close()
        super().__exit__(kind, error, trace)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.call(func, args, kwargs or {})

    def call(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """What an operator gives: on the card where a tensor of it takes part, or where it is told to be there."""
        name = func._schema.name.removeprefix("aten::")
        found = _tensors(args, kwargs)
        ours = [t for t in found if isinstance(t, OnCard)]
        place = kwargs.get("device")
        here = torch.device(place).type == KIND if place is not None else bool(ours)
        if not (here or ours):
            if name.startswith(HEAVY):
                self.left_behind[_line(), name] += 1
            return func(*args, **kwargs)
        self._refuse(name, found, args, kwargs.get("generator") if here else None)
        self._count(name, here, args)
        kwargs = {**kwargs, "device": PROCESSOR} if place is not None else kwargs
        if name in ("_conj", "_neg_view"):  # a view with a mark that the outside cannot carry
            return OnCard(args[0].held.resolve_conj().conj_physical() if name == "_conj" else args[0].held.neg())
        plain = {name: _each(_held, value) for name, value in kwargs.items()}
        result = func(*(_each(_held, value) for value in args), **plain)
        if name == "copy_":
            return args[0]
        if not here or (func._schema.is_mutable and not isinstance(args[0], OnCard | list | tuple)):
            return result
        result = _each(self._wrapped, result)
        return return_and_correct_aliasing(func, args, kwargs, result) if ours else result

    def _wrapped(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or isinstance(value, OnCard):
            return value
        if not self.double and value.dtype in DOUBLE:
            raise TypeError(f"{value.dtype} on {CARD}: this card has no double precision")
        return OnCard(value)

    def _refuse(self, name: str, found: list[torch.Tensor], args: Any, generator: torch.Generator | None) -> None:
        """What a real card would not do."""
        if generator is not None and generator.device.type != KIND:
            raise RuntimeError(f"expected a {KIND!r} device type for generator but found {generator.device.type!r}")
        if name in COPIES:
            return
        foreign = [t for t in found if not isinstance(t, OnCard) and t.dim()]
        if name in LOOKUPS:
            target = args[0]
            if not isinstance(target, OnCard):
                raise RuntimeError(f"{name}: indices on {CARD}, the tensor on the processor")
            foreign = [t for t in args[2:3] if isinstance(t, torch.Tensor) and not isinstance(t, OnCard) and t.dim()]
        if foreign and any(isinstance(t, OnCard) for t in found):
            raise RuntimeError(f"{name}: expected all tensors on the same device, found {CARD} and cpu")

    def _count(self, name: str, here: bool, args: Any) -> None:
        self.done[name] += here
        down = name in COPIES and not (isinstance(args[0], OnCard) if name != "_to_copy" else here)
        masks = name in LOOKUPS and any(t.dtype == torch.bool for t in args[1] if isinstance(t, OnCard))
        masks = masks and (name == "index" or args[2].dim() > 0)  # one number behind a mask needs no look
        if down or masks or name in WAITS:
            self.waits[_line(), "copy to the processor" if down else name] += 1


def _line() -> str:
    """The line of the package that is at work, such as 'recon/engine/fit_field.py:214'."""
    frame = sys._getframe(2)
    while frame is not None:
        _, inside, rest = frame.f_code.co_filename.partition("/napari_neuralfield/")
        if inside and "<" not in rest:
            return f"{rest}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "backward"


def _through_processor(make: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """`torch.tensor` and `torch.as_tensor`, whose last step no mode sees."""

    def made(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> torch.Tensor:
        if device is None or isinstance(data, torch.Tensor):
            return make(data, *args, device=device, **kwargs)
        return make(data, *args, **kwargs).to(device)

    return made


def lines(counts: Counter[tuple[str, str]]) -> Iterator[str]:
    """The counts, largest first, a line each."""
    for (line, name), count in counts.most_common():
        yield f"{count:6d}  {line}  {name}"
