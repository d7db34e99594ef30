"""Far-field ptychography: X-ray diffraction patterns of overlapping spots, and a stage that is a little off.

Run `python examples/far_field.py`; it writes far_field.nfield and far_field.png (20 s).
"""

import numpy as np

import napari_neuralfield as nf
from napari_neuralfield.io import save_planes
from napari_neuralfield.simulate.scans import far_field

# The file's positions are wrong by up to 2 pixels, and its probe has a spot 10 % too small.
acquisition, truth = far_field(seed=2, frames=120, position_error_px=2.0)
print(f"{acquisition.frame_count} patterns of {acquisition.frame_shape} pixels, {acquisition.wavelength_um * 1e3} nm")

planes = []
for correct in (False, True):
    recipe = nf.build_recipe("least-squares", {"passes": 60, "correct_positions": correct, "hold_out": 10})
    for event in nf.reconstruct(acquisition, recipe):
        if isinstance(event, nf.Note):
            print(event.text)
        elif isinstance(event, nf.Done):
            result = event.result
    off = (result.calibration["positions_um"] - truth["positions_um"]) / truth["pixel_um"]
    rms = np.sqrt(((off - off.mean(0)) ** 2).sum(1).mean())
    print(
        f"positions {'corrected' if correct else 'as given'}: off by {rms:.2f} pixels rms, "
        f"held-out frames by {result.figures['held_out_error']:.3f}, {result.figures['cpu_seconds']:.0f} s"
    )
    planes.append(result.field.render([0.0], *result.field.extent.axes())[0].numpy())

nf.save_result("far_field.nfield", result)
save_planes("far_field.png", [*planes, truth["object"]], [0.0, 1.0, 2.0], truth["pixel_um"], 3)
