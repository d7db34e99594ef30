"""Recordings reach our reader without a question, and nobody else's file does.

napari asks which plug-in shall read a file as soon as two claim its ending, and every ending that matters is claimed by
its own reader already. So we claim only what nobody else reads, and stand in front of napari's own reader for the rest:
what is not ours is handed on to it untouched.
"""

from __future__ import annotations

import sys

import npe2

PLUGIN = "napari-neuralfield"
OUR_FILES = "*.acq.h5"  # which napari's own `*.h5` claims too
BUILT_IN = "napari.get_reader"
IN_FRONT = "napari_neuralfield.widgets.contributions:reader_in_front"


def open_front_door() -> None:
    """Stand in front of napari's own reader and prefer ours for our own files; once is enough, twice does no harm."""
    commands = npe2.PluginManager.instance().commands
    commands.unregister(BUILT_IN)
    commands.register(BUILT_IN, IN_FRONT)
    if "napari.settings" in sys.modules:
        _prefer_our_reader()


def _prefer_our_reader() -> None:
    """For our own ending; a user's choice stays."""
    from napari.settings import get_settings

    plugins = get_settings().plugins
    if OUR_FILES not in plugins.extension2reader:
        plugins.extension2reader = {**plugins.extension2reader, OUR_FILES: PLUGIN}
