"""What napari finds in the manifest: readers, a writer, sample data, docks and the command that opens them all."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from ..types import InputError
from .kit.docks import PLUGIN, open_docks
from .kit.preferences import preference

if TYPE_CHECKING:
    import napari

    from ..data.acquisition import Draft
    from .view.layers import LayerData

DESCRIBED = (".h5", ".hdf5", ".mat", ".cxi", ".npz", ".bz2")  # formats that can say what they are without a sidecar
Read = Callable[[Any], "list[LayerData]"]


def acquisition_reader(path: str | list[str]) -> Read | None:
    """For `.acq.h5`, and for foreign files and folders that a reader understands, ours or a plug-in's; else None.

    Parameters
    ----------
    path : of one file or folder; several at once are for somebody else.
    """
    if not isinstance(path, str) or not (_may_be_ours(Path(path)) or _known_to_a_plugin(Path(path))):
        return None
    if path.lower().endswith(".acq.h5"):  # ours whatever is in it: a damaged one is said in words
        return _read_acquisition
    from ..io import open_draft

    try:
        draft = open_draft(Path(path))
    except InputError:
        return None
    return lambda _: _acquisition_layers(draft)


def _may_be_ours(path: Path) -> bool:
    """A cheap look at names: napari asks about every image, and most of them are somebody else's."""
    if path.is_dir():
        return any(path.glob("*.yaml")) or path.with_name(f"{path.name}.yaml").is_file()
    if path.suffix.lower() in DESCRIBED:
        return True
    stem = path.name.split(".")[0]
    return path.is_file() and any(path.parent.glob(f"{glob.escape(stem)}*.yaml"))


def _known_to_a_plugin(path: Path) -> bool:
    from ..io.readers.opening import known_to_a_plugin

    return known_to_a_plugin(path)


def _read_acquisition(path: Any) -> list[LayerData]:
    from ..io import open_draft

    return _acquisition_layers(open_draft(Path(path)))


def _acquisition_layers(draft: Draft) -> list[LayerData]:
    from .view.layers import acquisition_layers

    layers = acquisition_layers(draft)
    _offer("Acquisition", "Reconstruct")
    return layers


def field_reader(path: str | list[str]) -> Read | None:
    return _read_field if isinstance(path, str) and path.endswith(".nfield") else None


def _read_field(path: Any) -> list[LayerData]:
    from ..io import load_result, read_header
    from .view.layers import result_layers
    from .view.phase_layers import channel_layers, drawn_later
    from .view.scan_facts import scan_facts
    from .view.trust_facts import map_layers, trust_facts

    result, title = load_result(Path(path)), Path(path).stem
    more = scan_facts(result) is not None or trust_facts(result) is not None  # what the Reconstruct dock tells
    seen = _offer("Depth", *(["Reconstruct"] if more else []))
    below = [*map_layers(result, title), *channel_layers(result.field, title)]
    later = drawn_later(result, read_header(path)["preview"], title) if seen else []
    return [*below, *(later or result_layers(result, title=title))]


def write_field(path: str, data: object, meta: dict[str, Any]) -> list[str]:
    """Save the field that a layer of ours shows to `path`.

    Parameters
    ----------
    path : of the .nfield file.
    data, meta : pixels of the layer, which are not looked at, and its properties, our metadata among them.

    Parameters
    ----------
    path : of the .nfield file.
    data : the layer's pixels, which are not needed.
    meta : the layer's attributes; the field is in its metadata.

    Raises
    ------
    InputError : for a layer that holds no field.
    """
    from .kit.session import KEY

    ours = meta.get("metadata", {}).get(KEY, {})
    if "result" not in ours:
        raise InputError(
            f"layer {meta.get('name')!r} holds no field; choose a layer that a reconstruction or a .nfield file made"
        )
    from ..io import save_result

    save_result(Path(path), ours["result"])
    return [path]


def tilted_slide_sample() -> list[LayerData]:
    """A simulated LED-array acquisition of a tilted slide; needs no network. Simulated once, then kept."""
    return _sample("tilted slide", "tilted-slide")


def wrong_positions_sample() -> list[LayerData]:
    """A simulated lensless scan with a coded surface, whose positions are up to 3 pixels off."""
    return _sample("wrong positions", "coded-wrong-positions")


def far_field_sample() -> list[LayerData]:
    """A simulated scan of a star with X-rays, detector far away."""
    return _sample("far-field star", "far-field")


def _sample(title: str, simulation: str) -> list[LayerData]:
    from ..io import open_draft

    return _acquisition_layers(open_draft(_simulated(title, simulation)))


def _simulated(title: str, simulation: str) -> Path:
    """The file of the sample in the user's cache, made where it is not there or made by another version."""
    from .. import simulate
    from ..io import save_acquisition
    from ..registry import SIMULATORS

    assert simulate.__file__ is not None
    sources = sorted(Path(simulate.__file__).parent.glob("*.py"))
    version = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:8]
    path = Path(platformdirs.user_cache_dir(PLUGIN)) / "samples" / f"{title.replace(' ', '_')}-{version}.acq.h5"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_acquisition(path, dataclasses.replace(SIMULATORS[simulation](0)[0], title=title))
    return path


def open_workbench(viewer: napari.Viewer) -> None:
    """Acquisition and Reconstruct as tabs at the right, Depth below the canvas."""
    open_docks(viewer, "Acquisition", "Reconstruct", "Depth")


def _offer(*names: str) -> bool:
    """Open docks beside what is being read; False where there is no viewer to open them in."""
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    viewer = napari.current_viewer()
    if viewer is None or QApplication.instance() is None or not preference("docks", "open_with_data", True):
        return False
    for turn, name in enumerate(names):  # one at a time, so that the window moves on in between
        QTimer.singleShot(50 * turn, lambda name=name: open_docks(viewer, name, front=names[0]))
    return True
