"""An OME-Zarr 0.5 at an address, such as a field that is served, as lazy arrays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from ...types import InputError

if TYPE_CHECKING:
    import dask.array

ADDRESS = re.compile(r"https?://[^\s?#]+\.ome\.zarr/?")


def is_address(path: str) -> bool:
    """Whether a path is the address of an OME-Zarr."""
    return ADDRESS.fullmatch(path) is not None


def open_address(address: str) -> tuple[list[dask.array.Array], dict[str, Any]]:
    """The levels of an image, finest first, and how `viewer.add_image` shows them. Nothing is read of the pixels.

    Raises
    ------
    InputError : where nothing answers there, or no OME-Zarr 0.5.
    """
    import dask.array
    import zarr

    address = address.rstrip("/")
    try:
        group = zarr.open_group(address, mode="r", zarr_format=3)
        ome = cast("dict[str, Any]", group.attrs["ome"])
        image = ome["multiscales"][0]
        levels = [dask.array.from_zarr(f"{address}/{level['path']}") for level in image["datasets"]]
        return levels, _keywords(image, ome.get("omero", {}))
    except ImportError as error:
        raise InputError(
            f"{address}: opening an address needs the package {error.name or 'aiohttp'}; install it"
        ) from None
    except (KeyError, TypeError, ValueError, IndexError, FileNotFoundError):
        raise InputError(f"{address}: there is no OME-Zarr 0.5 here; check the address and its token") from None
    except Exception as error:
        raise InputError(
            f"{address}: nothing answers there ({type(error).__name__}); check that it is served"
        ) from None


def _keywords(image: dict[str, Any], omero: dict[str, Any]) -> dict[str, Any]:
    axes = image["axes"]
    moves = {move["type"]: move[move["type"]] for move in image["datasets"][0]["coordinateTransformations"]}
    channel = next((n for n, axis in enumerate(axes) if axis["type"] == "channel"), None)
    kept = [n for n in range(len(axes)) if n != channel]
    names = {"micrometer": "um", "second": "s"}
    found: dict[str, Any] = {
        "multiscale": True,
        "scale": [moves["scale"][n] for n in kept],
        "translate": [moves.get("translation", [0] * len(axes))[n] for n in kept],
        "units": [names.get(unit := axes[n].get("unit", "pixel"), unit) for n in kept],
        "axis_labels": [axes[n]["name"] for n in kept],
    }
    if channel is not None:
        return found | {"channel_axis": channel}
    windows = [one["window"] for one in omero.get("channels", []) if "window" in one]
    limits = {"contrast_limits": (windows[0]["start"], windows[0]["end"])} if windows else {}
    return found | {"name": image.get("name") or "image"} | limits
