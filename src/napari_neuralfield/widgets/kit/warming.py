"""PyTorch imported in a thread, in a way that lets the window go on. Imports no Qt."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path


def import_torch() -> None:
    """Import torch; call it in a thread.

    Python keeps its lock, which the window waits for, while it loads a library; a call through ctypes does without.
    """
    if sys.platform == "linux" and "torch" not in sys.modules:
        found = importlib.util.find_spec("torch")
        for folder in (found.submodule_search_locations or ()) if found is not None else ():
            library = Path(folder) / "lib" / "libtorch_python.so"
            if library.is_file():
                load = ctypes.CDLL(None).dlopen
                load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
                load(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL)
    importlib.import_module("torch")
