"""Directions of LED boards against closed forms and against a real blood smear."""

from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.optics import illumination
from napari_neuralfield.types import InputError


def test_an_led_straight_below_gives_zero() -> None:
    assert np.array_equal(illumination.direction_cosines([[0.0, 0.0]], 90.0, 1.0), [[0.0, 0.0]])


def test_without_a_slide_the_sine_is_that_of_the_triangle() -> None:
    positions = np.array([[3.0, 4.0], [0.0, -50.0], [200.0, 1.0]])
    na = illumination.direction_cosines(positions, 80.0)
    radius = np.hypot(*positions.T)
    assert np.allclose(np.hypot(*na.T), np.sin(np.arctan(radius / 80.0)), rtol=1e-14)
    assert np.all(np.sign(na) == -np.sign(positions))


def test_a_slide_of_index_one_only_adds_height() -> None:
    positions = np.array([[3.0, 4.0], [0.0, -50.0], [300.0, 100.0]])
    with_slide = illumination.direction_cosines(positions, 80.0, 2.0, slide_index=1.0)
    assert np.allclose(with_slide, illumination.direction_cosines(positions, 82.0), rtol=1e-13)


@pytest.mark.parametrize("radius", [0.01, 10.0, 90.0, 5000.0])
def test_rays_obey_snell_and_end_at_the_sample(radius: float) -> None:
    sine = -illumination.direction_cosines([[0.0, radius]], 90.88, 3.0, slide_index=1.52)[0, 1]
    glass = np.arcsin(sine / 1.52)
    assert 90.88 * np.tan(np.arcsin(sine)) + 3.0 * np.tan(glass) == pytest.approx(radius, rel=1e-9)


def test_rings_turn_from_x_towards_y() -> None:
    ring = illumination.ring_positions([0.0, 2.0], [1, 4])
    assert np.allclose(ring, [[0, 0], [0, 2], [2, 0], [0, -2], [-2, 0]])
    back = illumination.ring_positions([0.0, 2.0], [1, 4], [0.0, 90.0], "anticlockwise")
    assert np.allclose(back, [[0, 0], [2, 0], [0, 2], [-2, 0], [0, -2]])
    assert np.allclose(illumination.place(ring, 90.0)[1], [2, 0])
    assert np.allclose(illumination.place(ring, 90.0, (1.0, 0.0))[0], [0, -1])


def test_overlap_of_circles() -> None:
    assert illumination.circle_overlap(0.0, 0.1) == pytest.approx(1.0)
    assert illumination.circle_overlap(0.2, 0.1) == pytest.approx(0.0, abs=1e-12)
    assert illumination.circle_overlap(0.1, 0.1) == pytest.approx(2 / 3 - np.sqrt(3) / (2 * np.pi))
    na = np.array([[0.0, 0.0], [0.0, 0.1], [0.5, 0.0]])
    assert illumination.nearest_overlap(na, 0.1)[[0, 2]] == pytest.approx([0.39100, 0.0], abs=1e-5)
    assert illumination.synthetic_na(na, 0.1) == pytest.approx(0.6)


def test_the_eight_orientations_form_the_group_of_the_square() -> None:
    turned = {tuple(illumination.orient([[2.0, 1.0]], m)[0]) for _, m in illumination.ORIENTATIONS}
    assert len(turned) == 8
    assert all(abs(np.linalg.det(m)) == 1 for _, m in illumination.ORIENTATIONS)


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match=r"order is 'zigzag'; it must be one of raster, serpentine, columns"):
        illumination.grid_positions(3, 3, 4.0, "zigzag")
    with pytest.raises(InputError, match="height_mm of the LED board is 0"):
        illumination.direction_cosines([[0.0, 1.0]], 0.0)
    with pytest.raises(InputError, match="slide_index at least 1"):
        illumination.direction_cosines([[0.0, 1.0]], 90.0, 1.0, slide_index=0.5)
    with pytest.raises(InputError, match="2 radii and 1 counts"):
        illumination.ring_positions([1.0, 2.0], [8])
    with pytest.raises(InputError, match="2 radii and 3 start_deg"):
        illumination.ring_positions([1.0, 2.0], [8, 8], [0.0, 1.0, 2.0])
    with pytest.raises(InputError, match="sense is 'left'; it must be one of clockwise, anticlockwise"):
        illumination.ring_positions([1.0], [8], sense="left")


def _amplitude_error(
    amplitudes: np.ndarray, na: np.ndarray, wavelength: float, pixel: float, objective: float
) -> float:
    """What four passes of the alternating projection leave, without pupil recovery."""
    n, rows, columns = amplitudes.shape
    size = np.array([rows, columns]) * pixel
    iy, ix = (np.fft.fftfreq(k, 1 / k).astype(int) for k in (rows, columns))
    centre = -na / wavelength * size
    bins = np.rint(centre).astype(int)
    spectrum = np.zeros((3 * rows, 3 * columns), dtype=complex)
    spectrum[np.ix_(iy, ix)] = np.fft.fft2(amplitudes[0])
    for _ in range(4):
        lost = total = 0.0
        for j in range(n):
            fy, fx = (np.add(i, b - c) / s for i, b, c, s in zip((iy, ix), bins[j], centre[j], size, strict=True))
            pupil = np.hypot(fy[:, None], fx[None]) <= objective / wavelength
            window = np.ix_((iy + bins[j, 0]) % (3 * rows), (ix + bins[j, 1]) % (3 * columns))
            image = np.fft.ifft2(spectrum[window] * pupil)
            modulus = np.abs(image)
            lost += ((modulus - amplitudes[j]) ** 2).sum()
            total += (amplitudes[j] ** 2).sum()
            wanted = np.fft.fft2(amplitudes[j] * image / np.maximum(modulus, 1e-9))
            spectrum[window] += 0.7 * pupil * (wanted - spectrum[window])
    return float(np.sqrt(lost / total))


@pytest.mark.parametrize("colour", ["green", "blue"])
def test_the_real_board_lies_as_described(colour: str, shared_data: Path) -> None:
    """Without defocus a half turn changes nothing, so four pairs remain; the right one wins clearly."""
    path = shared_data / "fpm_uconn" / f"bloodsmear_{colour}.mat"
    import scipy.io

    file = scipy.io.loadmat(path)
    na = illumination.uconn_board(*(float(file[k].item()) for k in ("theta", "xint", "yint")))[:25]
    used = np.hypot(*na.T) < 0.094  # an LED at the rim of the aperture is half vignetted
    frames = np.moveaxis(file["imlow_HDR"], -1, 0)[:25][used][:, 32:96, 32:96].astype(float)
    wavelength = float(file["wlength"].item()) * 1e6
    errors = [
        _amplitude_error(frames, illumination.orient(na[used], m), wavelength, 1.845, 0.1)
        for _, m in illumination.ORIENTATIONS
    ]
    assert errors[0] == pytest.approx(errors[1], rel=1e-3)
    assert errors[0] < 0.8 * min(errors[2:])
