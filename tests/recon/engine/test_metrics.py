import numpy as np
import pytest
import torch
from toy import ToyField

from napari_neuralfield.recon.engine import metrics
from napari_neuralfield.types import InputError


class Exact(ToyField):
    """The truth where z is right, nonsense elsewhere."""

    def __init__(self, cells, scales):
        super().__init__((32, 32), 0.5, (0, 2))
        self.cells, self.scales = cells, scales

    def render(self, z_um, y_um, x_um):
        assert (len(y_um), y_um[0], x_um[1]) == (32, 0, 0.5)
        return torch.from_numpy(np.stack([self.cells[float(z)] * self.scales[float(z)] for z in z_um]))


def truth(seed=0):
    rng = np.random.default_rng(seed)
    target = rng.uniform(0.5, 1, (32, 32)) * np.exp(1j * rng.uniform(-1, 1, (32, 32)))
    masks = np.zeros((2, 32, 32), bool)
    masks[0, 3:10, 3:10], masks[1, 15:30, 12:20] = True, True
    return {"object": target, "cell_masks": masks, "cell_z_um": np.array([0.0, 2.0]), "pixel_um": 0.5}


def test_the_truth_times_a_number_of_each_plane_is_perfect():
    known = truth()
    field = Exact({0.0: known["object"], 2.0: known["object"]}, {0.0: 3j, 2.0: 0.1 - 2j})
    found = metrics.score_in_focus(field, known)
    assert found.amplitude_psnr_db > 250
    assert found.phase_rmse_rad < 1e-12
    assert found.relative_error < 1e-12


def test_known_errors_give_their_closed_form():
    truth = np.ones(1000, complex)
    turned = np.where(np.arange(1000) % 2, np.exp(0.1j), np.exp(-0.1j))
    found = metrics.score([(turned, truth)])
    assert found.phase_rmse_rad == pytest.approx(0.1)
    assert found.relative_error == pytest.approx(np.sin(0.1))
    rough = np.where(np.arange(1000) % 2, 1.1, 0.9).astype(complex)
    scale = 1 / (0.5 * (1.1**2 + 0.9**2))  # the free scale that least squares takes
    expected = 0.5 * ((1.1 * scale - 1) ** 2 + (0.9 * scale - 1) ** 2)
    assert metrics.score([(rough, truth)]).amplitude_psnr_db == pytest.approx(-10 * np.log10(expected))


def test_only_the_cells_at_their_own_depths_count():
    known = truth()
    halves = [np.where(m, known["object"], np.nan) for m in known["cell_masks"]]
    field = Exact({0.0: halves[0], 2.0: halves[1]}, {0.0: 1.0, 2.0: 1.0})
    assert metrics.score_in_focus(field, known).relative_error < 1e-12


def test_fields_that_cannot_be_compared_are_said():
    for bad in (np.zeros(4, complex), np.full(4, np.nan)):
        with pytest.raises(InputError, match="the field is not finite or is zero where it is compared"):
            metrics.score([(bad, np.ones(4))])


def test_the_relative_amplitude_error_compares_square_roots():
    measured = np.full((2, 3), 4.0)
    assert metrics.relative_amplitude_error(measured, measured) == 0
    assert metrics.relative_amplitude_error(np.full((2, 3), 9.0), measured) == pytest.approx(0.5)
    assert metrics.relative_amplitude_error(np.full((2, 3), -1.0), measured) == pytest.approx(1)
