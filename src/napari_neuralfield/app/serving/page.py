"""The page that shows a served field in a browser: neuroglancer, as its wheel brings it; nothing from elsewhere."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .virtual_zarr import VirtualZarr

HOME, EVENTS = "v/field/", "events/field"  # where the page wants to lie, and what it listens to
ENDINGS = (".html", ".js", ".css", ".wasm")
POLICY = (
    "default-src 'self' blob: data:; script-src 'self' blob: 'unsafe-eval' 'wasm-unsafe-eval'; style-src 'self' "
    "'unsafe-inline'; connect-src 'self' blob: data:; frame-ancestors 'none'"
)
WITHOUT = (
    "This field is served as {name} beside this page. The page that shows it is not installed: "
    "pip install neuroglancer\n"
)
FIRST_PIXELS = 700  # of the screen that the whole field first fills
SHADER = "#uicontrol invlerp normalized\nvoid main() {\n  emitGrayscale(normalized());\n}\n"


def files() -> dict[str, Path]:
    """Files of the page by their names; none where neuroglancer is not installed."""
    found = importlib.util.find_spec("neuroglancer")
    if found is None or found.origin is None:
        return {}
    folder = Path(found.origin).parent / "static" / "client"
    if not folder.is_dir():
        return {}
    return {file.name: file for file in folder.iterdir() if file.suffix in ENDINGS and file.is_file()}


async def nothing_new() -> AsyncIterator[bytes]:
    """The news that the page waits for from the program behind it: none, as long as the program is there."""
    while True:
        yield b": still here\n\n"
        await asyncio.sleep(5)


def state(source: str, store: VirtualZarr) -> dict[str, Any]:
    """What neuroglancer shall show first: one plane in grey.

    Parameters
    ----------
    source : address of the image.
    store : that is shown.
    """
    layer = {
        "type": "image",
        "name": f"{store.name}, {store.value}",
        "source": f"zarr3://{source}",
        "shader": SHADER,
        "shaderControls": {"normalized": {"range": list(store.window)}},
    }
    step, pixel = store.steps[-3] * 1e-6, store.pixel_um * 1e-6
    axes: dict[str, list[float | str]] = {"x": [pixel, "m"], "y": [pixel, "m"], "z": [step, "m"]}
    if store.times is not None:
        axes["t"] = [store.steps[0], "s"]
    scale = max(store.shape(0)[-2:]) / FIRST_PIXELS
    return {"dimensions": axes, "layers": [layer], "layout": "xy", "crossSectionScale": scale, "showAxisLines": False}
