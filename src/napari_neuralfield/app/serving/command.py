"""What `neuralfield serve` does: a field over HTTP, until Ctrl-C."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from ...types import InputError
from .. import arguments
from . import page, server
from .virtual_zarr import VirtualZarr

ENDING = ".nfield"


def run(
    file: Path,
    *,
    port: int,
    host: str,
    token: str | None,
    browse: bool,
    value: str,
    z_um: str | None,
    pixel_um: str | None,
) -> None:
    """Say where the field is, and answer until Ctrl-C.

    Parameters
    ----------
    file : a field.
    port, host, token : see `server.listening` and `server.check_access`.
    browse : show the page in the browser.
    value : phase, amplitude or intensity.
    z_um, pixel_um : depths and pixel as they were typed, um.

    Raises
    ------
    InputError : for what cannot be served, or not there.
    """
    if browse and not page.files():
        raise InputError("option --open needs the package neuroglancer; pip install neuroglancer, or leave --open out")
    server.check_access(host, token)
    store = store_of(file, value, z_um, pixel_um)
    waiting = server.listening(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{waiting.getsockname()[1]}/{f'{token}/' if token else ''}"
    print(f"serving {store.value} of {store.name} at {store.levels} levels; Ctrl-C ends it")
    print(f"  image {address}{server.image_path(store.name)}")
    print(f"  page  {address}", flush=True)
    if browse:
        webbrowser.open(address)
    server.run(server.application(store, token, host), waiting)


def store_of(file: Path, value: str, z_um: str | None, pixel_um: str | None) -> VirtualZarr:
    """The store over the field in a `file`; `value`, `z_um` and `pixel_um` as of `run`."""
    from ...io import load_result

    field = load_result(arguments.existing(file)).field
    with arguments.about(file):
        return VirtualZarr(
            field,
            file.resolve().name.removesuffix(ENDING),
            value=value,
            z_um=None if z_um is None else arguments.depths(z_um, field.extent),
            pixel_um=None if pixel_um is None else arguments.numbers("--pixel-um", pixel_um, count=1)[0],
        )
