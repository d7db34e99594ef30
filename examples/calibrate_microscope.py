"""A microscope that is not what its file says: calibrate it, see what was wrong, and reconstruct with what was found.

Run `python examples/calibrate_microscope.py`; it writes calibrated.acq.h5 and calibrated.nfield (15 s).
"""

import numpy as np

import napari_neuralfield as nf
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.stages import calibrate
from napari_neuralfield.recon.engine.metrics import score_in_focus
from napari_neuralfield.simulate.simulators import miscalibrated_board

# The file gives nominal LED directions; the real board is turned and shifted, LEDs differ, the objective has coma.
given, truth = miscalibrated_board(seed=1)


def finished(events):
    """What an event stream returns at its end; its notes are printed on the way."""
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value
        if isinstance(event, nf.Note):
            print(event.text)


found = finished(calibrate(given, CalibrationRecipe()))

print("                        found     truth")
print(f"board turned       {np.rad2deg(found.pose.turn_rad):8.2f}  {np.rad2deg(truth['turn_rad']):8.2f} deg")
print(f"sample out of focus{found.z_um:8.2f}  {truth['cell_z_um'][0]:8.2f} um")
print(f"ambient light      {found.background.mean():8.5f}  {truth['background']:8.5f} of the bright field")
print(f"LED 7's brightness {found.gains[7]:8.3f}  {truth['gains'][7]:8.3f}")
for noll, value in zip(truth["zernike_noll"], truth["zernike_rad"], strict=True):
    print(f"Zernike term {noll}     {found.zernike_rad[noll]:8.3f}  {value:8.3f} rad")
off = np.asarray(found.corrected.illumination_na) - truth["illumination_na"]
print(f"LED directions are within {np.sqrt(((off - off.mean(0)) ** 2).sum(1).mean()):.5f} NA rms of the truth")
print(f"the frames' misfit fell from {np.median(found.error_before):.3f} to {np.median(found.error_after):.3f}")

# The corrected acquisition holds all of it: any method, and any later day, starts from there.
nf.save_acquisition("calibrated.acq.h5", found.acquisition(leave_out=True))
corrected = nf.open_acquisition("calibrated.acq.h5")
for name, acquisition, z_um in (("as given", given, 0.0), ("calibrated", corrected, found.z_um)):
    *_, done = nf.reconstruct(acquisition, nf.build_recipe("fpm-sequential", {"z_um": z_um}))
    score = score_in_focus(done.result.field, truth)
    print(f"{name}: amplitude PSNR {score.amplitude_psnr_db:.1f} dB, phase off by {score.phase_rmse_rad:.3f} rad")
nf.save_result("calibrated.nfield", done.result)
