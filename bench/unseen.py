"""Every fourth frame of the Siemens star, the others never shown to the method and judged once: no choice of epochs.

`python -m bench.unseen` takes the fourths that begin with frames 1 and 2; no setting was chosen on them.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import torch

from napari_neuralfield.forward.scan_problem import ScanState
from napari_neuralfield.io import open_acquisition
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.types import Done, Result

from .cases import folder

STAR = "far_field_siemens/siemens-star-small.npz.bz2"
METHODS = ("least-squares", "rpie", "residual-field")


def unseen_error(result: Result, others: object) -> float:
    """Relative amplitude error of the frames of `others`, those that lie wholly on the object found."""
    problem, extent = problem_of(others, ScanRecipe(update_probe=True)), result.field.extent  # type: ignore[arg-type]
    found = result.field.render([0.0], *extent.axes())[0].to(torch.complex64)
    position = torch.as_tensor(
        (np.asarray(problem.acquisition.positions_um) - np.asarray(extent.origin_um)) / extent.pixel_um
    )
    room = torch.tensor(found.shape) - torch.tensor(problem.scan.window)
    inside = torch.nonzero(((position >= 0) & (position <= room)).all(1))[:, 0]
    scan = problem.scan.replace(object_array=tuple(found.shape), position=position, origin_um=extent.origin_um)
    state = ScanState(found, torch.as_tensor(np.array(result.calibration["probe"])), position)
    return dataclasses.replace(problem, scan=scan).error(state, inside)


if __name__ == "__main__":
    torch.set_num_threads(1)
    whole = open_acquisition(folder("NEURALFIELD_DATA", "data") / STAR)
    for first in (1, 2):
        used = np.arange(first, whole.frame_count, 4)
        others = whole.subset(np.setdiff1d(np.arange(whole.frame_count), used))
        for method in METHODS:
            started = time.process_time()
            *_, last = reconstruct(whole.subset(used), build_recipe(method, {"correct_positions": False}))
            assert isinstance(last, Done)
            seconds = time.process_time() - started
            print(f"from {first}  {method:15} {unseen_error(last.result, others):.4f}  {seconds:.1f} s", flush=True)
