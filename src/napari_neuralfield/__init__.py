"""Continuous neural fields from raw frames of a computational microscope.

Importing this package loads neither torch nor Qt; its public names load on first use.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

# Read by torch when it loads: threads that wait must sleep, not spin. On a busy machine spinning made a
# reconstruction ten times slower, and it takes the core that a viewer needs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_HOMES = {
    "types": "DataTerm Done Event Extent Field InputError Measurement Note Preview Progress Reader Result Verdict",
    "app.serving.arrays": "layer_keywords to_dask to_pyramid to_xarray",
    "data.acquisition": "Acquisition CodedPtychography Draft LedArray MultiplexedLed Ptychography ThroughFocus",
    "io": "load_result open_acquisition open_draft save_acquisition save_planes save_result",
    "io.writers.stack": "Stack",
    "fields.planes": "PlanesField planes_of_images",
    "networks.pretrained": "Weights",
    "recon": "build_recipe reconstruct",
    "recon.engine.any_field": "measurement_of new_field",
    "recon.engine.fit_field": "Batch Counter draws epochs fit_field",
    "recon.engine.recipe": "Recipe method option",
    "recon.training.networks": "network",
    "recon.training.recipe": "TrainRecipe",
    "recon.training.trainer": "run_training",
    "registry": (
        "FIELDS JUDGES MEASUREMENTS METHODS NETWORKS READERS SIMULATORS WRITERS "
        "field judge measurement problems reader simulator writer"
    ),
}
_PUBLIC = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
