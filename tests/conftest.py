"""What every test may use: real data where it is, a tiny acquisition, and the rule for tests that open a window."""

from __future__ import annotations

import ctypes.util
import functools
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: the same cost and the same numbers everywhere
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # started in the background: tests press Ctrl-C all the same
    signal.signal(signal.SIGINT, signal.default_int_handler)
import numpy as np

from napari_neuralfield.data.acquisition import Acquisition, Draft
from napari_neuralfield.registry import METHODS

GUI_FIXTURES = {"qtbot", "qapp", "make_napari_viewer", "make_napari_viewer_proxy"}


@functools.cache
def gui_obstacle() -> str:
    """Why no window can be opened here; empty where one can."""
    for module in ("napari", "qtpy", "PyQt6", "pytestqt"):
        if importlib.util.find_spec(module) is None:
            return f"the module {module} is not installed (pip install -e .[dev])"
    if not sys.platform.startswith("linux"):
        return ""
    for library in ("GL", "EGL"):
        if ctypes.util.find_library(library) is None:
            return f"the system library lib{library} is not installed (apt-get install libgl1 libegl1)"
    if not (os.environ.get("DISPLAY") or shutil.which("Xvfb")):
        return "there is no display and no Xvfb (apt-get install xvfb)"
    return ""


@pytest.fixture(autouse=True, scope="module")
def no_toy_is_left() -> Iterator[None]:
    """Files of tests run in any order: a method that one of them registers is not there in the next."""
    yield
    METHODS._entries.pop("toy", None)


@pytest.fixture(autouse=True)
def unjudged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verdicts take longer than small runs: tests of reconstruction do without, but where one asks for `judged`."""
    folder = request.path.relative_to(Path(__file__).parent).parts[:2]
    others = ("widgets", "test_testing.py", "test_bench.py")
    quick = folder[0] in others or (folder[0] == "recon" and folder[1] != "verdict")
    if quick and "judged" not in request.fixturenames:
        monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})


@pytest.fixture
def judged() -> None:
    """The run of this test gets its verdict."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if GUI_FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) or not gui_obstacle():
        return
    reason = f"no window can be opened: {gui_obstacle()}"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _shared(folder: str) -> Path:
    root = Path(os.environ.get("NEURALFIELD_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = root if folder == "data" else root.parent / folder
    if not path.is_dir():
        pytest.skip(f"no folder {path} with measured or simulated files here; name the data in NEURALFIELD_DATA")
    return path


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings; the test is skipped where it is missing."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_bench() -> Path:
    """Folder of simulated recordings with truth; the test is skipped where it is missing."""
    return _shared("bench")


@pytest.fixture(scope="session")
def led_array() -> Callable[..., Acquisition]:
    """`led_array(leds=3, size=32, seed=0, depth_um=0.0)`: bright-field frames of a smooth phase object, pure NumPy."""
    return make_led_array


def make_led_array(leds: int = 3, size: int = 32, seed: int = 0, depth_um: float = 0.0) -> Acquisition:
    """A `leds` x `leds` board inside the aperture lights a smooth phase object; noiseless float32 frames.

    The grid is the camera's, 0.8 um at the sample, and holds the object as it is: no synthetic aperture is needed.
    """
    wavelength_um, objective_na, pixel_um = 0.5, 0.2, 0.8
    rng = np.random.default_rng(seed)
    f = np.fft.fftfreq(size, pixel_um)
    radius = np.hypot(f[:, None], f[None, :])
    smooth = np.fft.ifft2(np.fft.fft2(rng.standard_normal((size, size))) * (radius < 0.1)).real
    spectrum = np.fft.fft2(np.exp(1j * smooth / np.abs(smooth).max()))
    pupil = (radius <= objective_na / wavelength_um) * np.exp(
        2j * np.pi * depth_um * np.sqrt(wavelength_um**-2 - radius**2 + 0j)
    )
    bins = np.stack(np.meshgrid(*2 * [np.arange(leds) - leds // 2], indexing="ij"), -1).reshape(-1, 2)
    frames = [np.abs(np.fft.ifft2(np.roll(spectrum, shift, axis=(0, 1)) * pupil)) ** 2 for shift in bins]
    values = {
        "wavelength_um": wavelength_um,
        "objective_na": objective_na,
        "pixel_um": pixel_um,
        "illumination_na": bins * wavelength_um / (size * pixel_um),
    }
    return Draft("led_array", np.array(frames, dtype=np.float32), values, "led_array.acq.h5").complete()
