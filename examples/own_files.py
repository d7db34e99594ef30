"""Your own files: a folder with one TIFF per LED, and a small text file that says how they were taken.

Run `python examples/own_files.py`; it writes the folder my_slide, reads it and saves my_slide.png (5 s).
"""

from pathlib import Path

import tifffile

import napari_neuralfield as nf
from napari_neuralfield.io import save_planes
from napari_neuralfield.simulate.simulators import tilted_slide

# What a microscope leaves behind. Here the frames are simulated.
folder = Path("my_slide")
folder.mkdir(exist_ok=True)
frames, _ = tilted_slide(seed=2)
for number, frame in enumerate(frames.intensity()):
    tifffile.imwrite(folder / f"led_{number:03d}.tif", (7000 * frame).round().clip(0, 65535).astype("uint16"))
(folder / "directions.csv").write_text("na_y,na_x\n" + "".join(f"{y:.6f},{x:.6f}\n" for y, x in frames.illumination_na))
(folder / "acquisition.yaml").write_text("""\
kind: led_array
title: my slide
files: led_*.tif
wavelength_um: 0.522
objective_na: 0.25
pixel_um: 0.345          # camera pixel divided by the magnification
leds:
  csv: directions.csv    # or `grid`, `rings`, `positions_mm`: see docs/files.md
""")

# From here on nothing is simulated.
acquisition = nf.open_acquisition(folder)
*_, done = nf.reconstruct(acquisition, nf.build_recipe("fpm-inr", {"z_um": (-12, 12)}))
field, depths = done.result.field, [-10.0, 0.0, 10.0]
save_planes("my_slide.png", field.render(depths, *field.extent.axes()).numpy(), depths, field.extent.pixel_um, 3)
print(done.result.figures)
