"""Height from phase and refractive indices."""

import numpy as np
import pytest
import torch

from napari_neuralfield.optics.height import height_um
from napari_neuralfield.types import InputError


def test_a_turn_of_phase_is_a_wavelength_over_the_difference_of_the_indices():
    phase = np.array([[0.0, 2 * np.pi], [-np.pi, 4 * np.pi]])
    expected = np.array([[0.0, 10.0], [-5.0, 20.0]])
    np.testing.assert_allclose(height_um(phase, 0.5, 1.38, 1.33), expected, rtol=1e-12)
    np.testing.assert_allclose(height_um(torch.from_numpy(phase), 0.5, 1.33, 1.38).numpy(), -expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("sample", "medium", "said"),
    [
        (1.33, 1.33, "sample_index 1.33 and medium_index 1.33 are equal"),
        (None, 1.33, "^sample_index not known"),
        (None, None, "sample_index and medium_index not known"),
        (1.38, 0.2, "medium_index is 0.2; a refractive index is 1 or more"),
        (float("nan"), 1.33, "sample_index is nan"),
    ],
)
def test_indices_that_make_no_height_are_refused(sample, medium, said):
    with pytest.raises(InputError, match=said):
        height_um(1.0, 0.5, sample, medium)
