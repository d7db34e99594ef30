"""Near-field ptychography in a cone beam: a sample moved in the light behind a diffuser that nobody knows.

Run `python examples/near_field.py`; it writes near_field.nfield and near_field.png (15 s).
"""

import napari_neuralfield as nf
from napari_neuralfield.io import save_planes
from napari_neuralfield.simulate.scans import near_field

# 40 frames; the detector's pixels are 300 times larger than the object's, so the beam's cone does the magnifying.
acquisition, truth = near_field(seed=1, frames=40, phantom="star", magnification=300.0)
print(f"{acquisition.frame_count} frames; an object pixel is {1000 * acquisition.object_pixel_um:.0f} nm wide")

# Every fifth frame is left out and predicted: what fits the others only by chance does not help there.
for method in ("rpie", "least-squares"):
    recipe = nf.build_recipe(method, {"passes": 40, "hold_out": 5})
    for event in nf.reconstruct(acquisition, recipe):
        if isinstance(event, nf.Note):
            print(event.text)
        elif isinstance(event, nf.Done):
            result = event.result
    figures = result.figures
    print(f"{method}: {figures['cpu_seconds']:.1f} s, held-out frames are off by {figures['held_out_error']:.3f}")

nf.save_result("near_field.nfield", result)
found = result.field.render([0.0], *result.field.extent.axes())[0].numpy()
save_planes("near_field.png", [found, truth["object"]], [0.0, 1.0], truth["pixel_um"], 2)

# The diffuser was found along with the sample.
print("light behind the diffuser, complex", result.calibration["probe"].shape)
