"""Images, one file a format, and acquisitions as CXI. Formats are offered in the order in which they come here."""

from . import npy, tiff

# isort: split
from . import ome_zarr, png

__all__ = ["npy", "ome_zarr", "png", "tiff"]
