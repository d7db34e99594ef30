"""What is remembered between sessions: last folder, device, method, options."""

from __future__ import annotations

import contextlib
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

    def get(self, key: str, default: Any = None) -> Any:
        return self._read().get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Remember a JSON-ready value; a folder that cannot be written is no reason to stop."""
        values = {**self._read(), key: value}
        beside = self.path.with_suffix(f".{os.getpid()}.tmp")
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(values, indent=1, default=str), encoding="utf-8")
            beside.replace(self.path)

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return values if isinstance(values, dict) else {}
