"""Keys of the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import npe2
from app_model.types import KeyBinding

from .docks import PLUGIN

if TYPE_CHECKING:
    import napari


def bind_keys(viewer: napari.Viewer) -> None:
    """Bind the keys of the manifest in a viewer: napari 0.9 reads them and leaves it at that."""
    commands = npe2.PluginManager.instance().commands
    for one in npe2.PluginManager.instance().get_manifest(PLUGIN).contributions.keybindings or ():

        def press(viewer: napari.Viewer, command: str = one.command) -> None:
            commands.execute(command, (viewer,))

        viewer.bind_key(KeyBinding.from_str(one.key), press, overwrite=True)
