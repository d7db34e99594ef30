"""What can be told of the sign of the depths."""

import numpy as np
import torch

from napari_neuralfield.forward.brightfield import BrightField
from napari_neuralfield.recon.focus.sign import sign_of
from napari_neuralfield.simulate.scenes.random_scenes import cells, leaves


def test_the_opposite_phase_at_the_opposite_depth_gives_the_same_frames():
    """However strong the phase and with absorption: why frames alone do not tell the sign."""
    phase = torch.from_numpy(3 * np.random.default_rng(0).standard_normal((48, 48))).float()
    size = torch.exp(-phase.abs() / 10)
    microscope = BrightField(0.5, 0.5, 0.2, 0.4, 1, 9)
    z_um = torch.tensor([-7.0, 2.0])
    shown = microscope.images(torch.polar(size, phase), z_um)
    turned = BrightField(0.5, 0.5, 0.0, 0.4).images(torch.polar(size, -phase), -z_um)
    same = BrightField(0.5, 0.5, 0.0, 0.4).images(torch.polar(size, phase), z_um)
    torch.testing.assert_close(turned, same, atol=1e-5, rtol=1e-4)
    assert (shown - same).abs().max() > 1e-3


def test_cells_tell_the_sign_and_textures_do_not():
    rng = np.random.default_rng(4)
    phase = cells(256, 2, rng)
    assert sign_of(phase).told == "right"
    assert sign_of(phase).sentence == ""
    turned = sign_of(-phase)
    assert (turned.told, turned.level) == ("wrong", "warning")
    assert "optically thinner than its medium, or z_um has the wrong sign" in turned.sentence
    unknown = sign_of(leaves(256, 2, rng))
    assert (unknown.told, unknown.level) == ("unknown", "info")
    assert "cannot be told" in unknown.sentence


def test_one_speck_of_dust_does_not_decide():
    phase = np.random.default_rng(1).standard_normal((128, 128))
    phase[10:13, 20:23] = 300
    assert sign_of(phase).told == "unknown"
