"""What the user has set in napari's Preferences for this plug-in; the manifest says what there is."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T", bool, int, float, str)


def preference(group: str, name: str, default: T) -> T:
    """The value that is set.

    Parameters
    ----------
    group, name : of the manifest's `configurations`.
    default : where napari knows none, as without a manifest.
    """
    from napari.settings import get_plugin_settings

    try:
        value = getattr(getattr(get_plugin_settings("napari-neuralfield"), group), name)
    except (KeyError, AttributeError):
        return default
    return type(default)(value)
