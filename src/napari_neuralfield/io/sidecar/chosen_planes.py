"""`planes: [0, 2, 1]`: which planes of a recording are its frames, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft, quantities
from ...data.frames import FrameSelection
from ...types import InputError

PLANES = "planes"


def choose(draft: Draft, given: Mapping[str, object], path: Path) -> None:
    """Keep the planes that a sidecar names, with the values and names that the recording gives them.

    Parameters
    ----------
    draft : changed in place.
    given : what the sidecar holds.
    path : the sidecar.

    Raises
    ------
    InputError : where the planes are no numbers of planes.
    """
    planes, count = given.get(PLANES), int(draft.frames.shape[0])
    if planes is None:
        return
    rule = f"it must be a list of numbers from 0 to {count - 1}, each once"
    if not isinstance(planes, list) or not planes or any(isinstance(n, bool) or not isinstance(n, int) for n in planes):
        raise InputError(f"{path}: planes is {planes!r}; {rule}")
    odd = [n for n in planes if not 0 <= n < count or planes.count(n) > 1]
    if odd:
        raise InputError(f"{path}: planes names {odd[0]}, but there are {count} planes; {rule}")
    draft.frames = FrameSelection(draft.frames, tuple(planes), slice(None), slice(None))
    draft.frame_names = tuple(draft.frame_names[n] for n in planes) if len(draft.frame_names) == count else ()
    for name, quantity in quantities(draft.kind).items():
        value = draft.values.get(name)
        if quantity.shape[:1] == ("frame",) and value is not None and np.shape(value)[:1] == (count,):
            draft.values[name] = np.asarray(value)[planes]
    step = draft.values.get("z_step_um")
    if step is not None and planes != list(range(planes[0], planes[0] + len(planes))):
        del draft.values["z_step_um"]
        draft.notes.append(f"planes {step:g} um apart in the file are chosen one by one; give z_um of each")
