"""A lensless microscope whose stage is not where it says: positions and sample found together.

Run `python examples/coded.py`; it writes coded.nfield and coded.png (20 s).
"""

import numpy as np

import napari_neuralfield as nf
from napari_neuralfield.io import save_planes
from napari_neuralfield.recon.engine.metrics import score
from napari_neuralfield.simulate.scans import coded

# 40 frames through a coded surface that is known; the stage's positions are wrong by up to 3 fine pixels.
acquisition, truth = coded(seed=1, frames=40, position_error_px=3.0)
print(f"{acquisition.frame_count} frames of {acquisition.frame_shape} pixels of {acquisition.sensor_pixel_um} um")


def reconstructed(method, **options):
    for event in nf.reconstruct(acquisition, nf.build_recipe(method, options)):
        if isinstance(event, nf.Note):
            print(f"{method}: {event.text}")
        elif isinstance(event, nf.Done):
            return event.result


def error(result, truth):
    """Relative error of the complex field, where the common shift of object and positions is taken out."""
    y, x = (truth["pixel_um"] * np.arange(n) for n in truth["object"].shape)
    apart = np.mean(result.calibration["positions_um"] - truth["positions_um"], axis=0)
    plane = result.field.render([0.0], y - apart[0], x - apart[1])[0].numpy()
    inside = (slice(16, -16), slice(16, -16))
    return score([(plane[inside].ravel(), truth["object"][inside].ravel())]).relative_error


plain = reconstructed("rpie", correct_positions=False)
found = reconstructed("sparse-pixels")
for name, result in (("as given", plain), ("corrected", found)):
    off = (result.calibration["positions_um"] - truth["positions_um"]) / truth["pixel_um"]
    rms = np.sqrt(((off - off.mean(0)) ** 2).sum(1).mean())
    print(f"{name}: positions off by {rms:.3f} fine pixels rms, field off by {error(result, truth):.3f}")

nf.save_result("coded.nfield", found)
both = [r.field.render([0.0], *r.field.extent.axes())[0].numpy() for r in (plain, found)]
save_planes("coded.png", [*both, truth["object"]], [0.0, 1.0, 2.0], truth["pixel_um"], 3)
