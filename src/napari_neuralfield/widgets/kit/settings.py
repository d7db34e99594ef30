"""What is remembered between sessions: last folder, device, method, options."""

from __future__ import annotations

import contextlib
import enum
import json
import os
from pathlib import Path
from typing import Any

import platformdirs


class Settings:
    """A small JSON file in the user's configuration folder. A file that cannot be read counts as empty.

    Parameters
    ----------
    path : the file; the user's own where None.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(platformdirs.user_config_dir("napari-neuralfield")) / "settings.json"

    def get(self, key: str, default: object = None) -> Any:
        """What was remembered.

        Parameters
        ----------
        key : its name.
        default : taken where nothing was.
        """
        return self._read().get(key, default)

    def set(self, key: str, value: object) -> None:
        """Remember a value for later; a folder that cannot be written is no reason to stop.

        Parameters
        ----------
        key : its name.
        value : JSON-ready, perhaps with paths, which come back as text, and enumerations, as their values.
        """
        values = {**self._read(), key: value}
        beside = self.path.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(values, indent=1, default=_as_json), encoding="utf-8")
            beside.replace(self.path)

    def _read(self) -> dict[str, object]:
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}


def _as_json(value: object) -> object:
    return value.value if isinstance(value, enum.Enum) else str(value)
