"""What napari finds in the manifest: readers, a writer, sample data, docks and the command that opens them all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import npe2
from npe2.manifest.utils import import_python_name

from ..app.serving.remote import is_address, open_address
from ..types import InputError
from .doors.opening import Read, docks_open_with_data, in_our_words, opened, recording, viewer
from .doors.ours import is_exclusive, is_hdf5, is_ours
from .doors.soon import Opened
from .kit.docks import open_docks
from .kit.front_door import BUILT_IN, PLUGIN

if TYPE_CHECKING:
    import napari

    from ..data.acquisition import Draft
    from .view.layers import LayerData


def acquisition_reader(path: str | list[str]) -> Read | None:
    """For `.acq.h5`, and for foreign files and folders that a reader understands, ours or a plug-in's; else None.

    Of a format that nobody else reads, whatever is in it: what is wrong with it is said in words.

    Parameters
    ----------
    path : of one file or folder; several at once are for somebody else.
    """
    if not isinstance(path, str):
        return None
    if is_exclusive(path) or is_ours(Path(path)) or _known_to_a_plugin(Path(path)):
        return in_our_words(_read_acquisition)
    return None


def reader_in_front(path: str | list[str]) -> Read | None:
    """napari's own reader, but ours for what is a recording; as `kit.front_door` says.

    Parameters
    ----------
    path : of a file or folder, or of several.
    """
    manager = npe2.PluginManager.instance()
    commands = manager.get_manifest(BUILT_IN).contributions.commands or []
    name = next(command.python_name for command in commands if command.id == BUILT_IN)
    theirs = cast("Read | None", import_python_name(str(name))(path))
    if not isinstance(path, str) or manager.is_disabled(PLUGIN):
        return theirs
    if is_address(path):
        return in_our_words(_read_address)
    if field := field_reader(path):  # a folder of tiles: folders are napari's own
        return field
    if is_ours(Path(path)):
        return in_our_words(_read_acquisition)
    return _or_said(theirs) if theirs is not None and is_hdf5(path) else theirs


def _or_said(theirs: Read) -> Read:
    """napari's own reader of HDF5, which seldom can, and what we have to say where it cannot."""

    def read(path: Any) -> list[LayerData]:
        try:
            return theirs(path)
        except Exception:
            return in_our_words(_read_acquisition)(path)

    return read


def _known_to_a_plugin(path: Path) -> bool:
    from ..io.readers.opening import known_to_a_plugin

    return known_to_a_plugin(path)


def _read_address(path: Any) -> list[LayerData]:
    levels, keywords = open_address(str(path))
    return [(levels, keywords, "image")]


def _read_acquisition(path: Any) -> list[LayerData]:
    def read() -> Draft:
        from ..io import open_draft

        return open_draft(Path(path))

    return recording(Path(path).name, read)


def field_reader(path: str | list[str]) -> Read | None:
    return in_our_words(_read_field) if isinstance(path, str) and path.lower().endswith(".nfield") else None


def _read_field(path: Any) -> list[LayerData]:
    drawn = viewer() is not None and docks_open_with_data()
    return opened(Path(path).name, lambda: _field_of(Path(path), drawn))


def _field_of(path: Path, drawn: bool) -> Opened:
    """What a .nfield file holds; `drawn` says that a dock draws the whole of a large field."""
    from .kit.warming import import_torch

    import_torch()
    from ..io import load_result, read_header
    from .view.layers import result_layers
    from .view.phase_layers import channel_layers, drawn_later
    from .view.scan_facts import scan_facts
    from .view.trust_facts import map_layers, trust_facts

    result, title = load_result(path), path.stem
    more = scan_facts(result) is not None or trust_facts(result) is not None  # what the Reconstruct dock tells
    below = [*map_layers(result, title), *channel_layers(result.field, title)]
    later = drawn_later(result, read_header(path)["preview"], title) if drawn else []
    layers = [*below, *(later or result_layers(result, title=title))]
    return Opened(layers, ("Depth", "Reconstruct") if more else ("Depth",))


def write_field(path: str, data: object, meta: dict[str, Any]) -> list[str]:
    """Save the field that a layer of ours shows to `path`.

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


def open_workbench(viewer: napari.Viewer) -> None:
    """Acquisition and Reconstruct as tabs at the right, Depth below the canvas."""
    open_docks(viewer, "Acquisition", "Reconstruct", "Depth")


def import_selected_layer(viewer: napari.Viewer) -> None:
    """The import assistant on the layer that is selected."""
    from .importing.opening import import_layer

    import_layer(viewer)
