"""Pictures in the documentation: real scans from the folder NEURALFIELD_DATA, all others simulated.

`python docs/make_pictures.py [NAME ...]` writes siemens.png, p25.png, coded.png, coded-fpm.png, neuph.png, srqpi.png
and colour.png into docs/images.

The Siemens star comes with tike (Argonne National Laboratory, open source licence), the near-field star from Zenodo
17899482 (P25, PETRA III, CC BY 4.0).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

import napari_neuralfield as nf
from napari_neuralfield.app.figures.colour_wheel import coloured
from napari_neuralfield.app.figures.picture import Panel, grey, save_sheet
from napari_neuralfield.data.white import bright_frame, empty_place
from napari_neuralfield.io.writers.shades import srgb
from napari_neuralfield.recon import recommended
from napari_neuralfield.recon.engine.metrics import score
from napari_neuralfield.registry import SIMULATORS

HERE = Path(__file__).parent
DATA = Path(os.environ.get("NEURALFIELD_DATA") or HERE.parents[1] / "shared" / "data")
SIEMENS = DATA / "far_field_siemens" / "siemens-star-small.npz.bz2"
P25 = DATA / "near_field_p25" / "PETRAIII_P25_Near_Field_Ptycho.cxi"


def result_of(acquisition: Any, method: str, **options: Any) -> Any:
    """What a method makes of an acquisition."""
    *_, done = nf.reconstruct(acquisition, nf.build_recipe(method, options))
    return done.result


def plane(result: Any, side: int, apart_um: Any = (0.0, 0.0)) -> np.ndarray:
    """The middle `side` x `side` pixels of a reconstructed plane, its phase around 0."""
    y, x = (axis - a for axis, a in zip(result.field.extent.axes(), apart_um, strict=True))
    image = result.field.render([0.0], y, x)[0].numpy()
    top, left = ((n - side) // 2 for n in image.shape)
    return centred(image[top : top + side, left : left + side])


def centred(image: np.ndarray) -> np.ndarray:
    mean = image.mean()
    return image * np.conj(mean) / abs(mean)


def scaled(image: np.ndarray, target: np.ndarray) -> np.ndarray:
    """With the one complex factor that no frame tells."""
    return image * (np.vdot(image, target) / np.vdot(image, image))


def amplitude(image: np.ndarray, label: str, limits: tuple[float, float] | None = None) -> Panel:
    return Panel(grey(np.abs(image), limits), label)


def phase(image: np.ndarray, label: str, limits: tuple[float, float] | None = None) -> Panel:
    return Panel(grey(np.angle(image), limits), label)


def siemens() -> tuple[str, list[list[Panel]], str]:
    """All frames, then every fourth by three methods."""
    acquisition = nf.open_acquisition(SIEMENS)
    whole = result_of(acquisition, "least-squares")
    probe = whole.calibration["probe"][0]
    first = [
        Panel(grey(np.log1p(acquisition.frames[100])), "one of 516 frames (logarithm)"),
        phase(plane(whole, 380), "all frames: least-squares, phase"),
        Panel(coloured(probe), "probe in colours: hue is its phase"),
    ]
    second = []
    for method in ("rpie", "least-squares", "residual-field"):
        found = result_of(acquisition, method, use_every=4)
        error = found.figures["held_out_error"]
        second.append(phase(plane(found, 380), f"129 frames, {method}: held out {error:.3f}"))
    title = "X-ray far field: a Siemens star, phase"
    return title, [first, second], "Data: tike, Argonne National Laboratory. Reconstructed with napari-neuralfield."


def p25() -> tuple[str, list[list[Panel]], str]:
    """The near-field star by the recommended method."""
    acquisition = nf.open_acquisition(P25)
    found = result_of(acquisition, recommended(acquisition)[0])
    image = plane(found, 180)
    tiles = [
        Panel(grey(acquisition.frames[0]), "one of 200 frames"),
        amplitude(image, "amplitude"),
        phase(image, "phase"),
        amplitude(found.calibration["probe"][0], "light that falls on the star"),
    ]
    source = "Data: Zenodo 17899482 (P25, PETRA III), CC BY 4.0. Reconstructed with napari-neuralfield."
    return "X-ray near field in a cone beam: a star", [tiles], source


def coded() -> tuple[str, list[list[Panel]], str]:
    """Wrong positions, as given and corrected, beside the truth; simulated."""
    from napari_neuralfield.simulate.scans import coded as simulate

    acquisition, truth = simulate(seed=1, frames=40, position_error_px=3.0)
    target = centred(truth["object"][20:-20, 20:-20])
    images, labels = [], []
    for method, name in (("rpie", "rpie, positions as given"), ("sparse-pixels", "sparse-pixels, corrected")):
        options = {"correct_positions": False} if method == "rpie" else {}
        found = result_of(acquisition, method, **options)
        apart = np.mean(found.calibration["positions_um"] - truth["positions_um"], axis=0)
        images.append(scaled(plane(found, len(target), apart), target))
        error = score([(images[-1].ravel(), target.ravel())]).relative_error
        labels.append(f"{name}: off by {error:.2f}")
    frame = Panel(grey(acquisition.frames[0]), "one of 40 frames")
    bright, turn = ((float(low), float(high)) for low, high in (limits(np.abs(target)), limits(np.angle(target))))
    seen = [
        Panel(coloured(images[1]), "found, in colours: hue is the phase"),
        *(phase(i, "its phase", turn) for i in images),
    ]
    rows = [
        [frame, *(amplitude(i, n, bright) for i, n in zip(images, labels, strict=True)), amplitude(target, "truth")],
        [*seen, phase(target, "its phase", turn)],
    ]
    return "Lensless through a coded surface, positions wrong by up to 3 pixels", rows, "Simulated."


def coded_fpm() -> tuple[str, list[list[Panel]], str]:
    """Nine LEDs through a coded surface: pupil taken for perfect, and found; simulated."""
    from napari_neuralfield.simulate.coded_fpm import coded_fpm as simulate

    acquisition, truth = simulate(seed=1, zernike_rad={5: 0.3, 7: -0.2})
    y, x = (truth["pixel_um"] * np.arange(n) for n in truth["object"].shape)
    target = centred(truth["object"])
    bright, turn = limits(np.abs(target)), limits(np.angle(target))
    rows: list[list[Panel]] = [[Panel(grey(acquisition.frames[0]), "one of 9 frames")], []]
    for recover, name in ((False, "pupil taken for perfect"), (True, "pupil found")):
        found = result_of(acquisition, "coded-fpm", recover_pupil=recover)
        image = scaled(found.field.render([0.0], y, x)[0].numpy(), target)
        error = score([(image.ravel(), target.ravel())]).relative_error
        rows[0].append(amplitude(image, f"{name}: off by {error:.2f}", bright))
        rows[1].append(phase(image, "its phase", turn))
    rows[1].insert(0, Panel(coloured(image), "found, in colours: hue is the phase"))
    rows[0].append(amplitude(target, "truth", bright))
    rows[1].append(phase(target, "its phase", turn))
    return "Nine LEDs and a coded surface in front of the camera", rows, "Simulated."


def neuph(seed: int = 1) -> tuple[str, list[list[Panel]], str]:
    """Five LED patterns to phase: DPC, the network, its polish, the truth; below, a part of it; simulated."""
    from napari_neuralfield.simulate.patterns import multiplexed

    acquisition, found = multiplexed(seed)
    truth, part = found["phase_rad"], np.s_[300:460, 135:295]
    finer = len(truth) // len(acquisition.frames[0])
    y, x = (found["pixel_um"] * np.arange(n) for n in truth.shape)
    bright = np.repeat(np.repeat(acquisition.frames[0], finer, 0), finer, 1)
    images, labels = [], []
    for name, method, options in (
        ("DPC", "dpc", {}), ("network", "neuph", {}), ("polished", "neuph", {"polish": True}),
    ):  # fmt: skip
        image = result_of(acquisition, method, **options).field.render([0.0], y, x)[0].numpy()
        images.append(image - image.mean() + truth.mean())
        labels.append(f"{name}: off by {(image - truth).std():.3f} rad")
    shades = limits(truth)
    everything = [*zip(images, labels, strict=True), (truth, "truth")]
    rows = [
        [Panel(grey(bright), "one of 5 frames"), *(Panel(grey(i, shades), name) for i, name in everything)],
        [Panel(grey(bright[part]), "closer"), *(Panel(grey(i[part], shades), "") for i, _ in everything)],
    ]
    return "Phase of cells from five frames under LED patterns, 6 x finer than the camera", rows, "Simulated."


def srqpi(seed: int = 6) -> tuple[str, list[list[Panel]], str]:
    """One defocused frame to phase, beside the transport of intensity from three; below, a part of it; simulated."""
    from napari_neuralfield.simulate.through_focus import through_focus

    acquisition, found = through_focus(seed)
    truth, part = found["phase_rad"], np.s_[180:340, 180:340]
    finer = len(truth) // len(acquisition.frames[2])
    frame = np.repeat(np.repeat(acquisition.frames[2], finer, 0), finer, 1)
    images, labels = [], []
    for name, method, options in (
        ("TIE, three frames", "tie-fft", {}), ("SRCNN", "srcnn", {}), ("U-Net", "srqpi", {}),
        ("polished", "srqpi", {"polish": True}),
    ):  # fmt: skip
        field = result_of(acquisition, method, **options).field
        image = field.render([0.0], *field.extent.axes())[0].numpy()  # the truth's own pixels
        images.append(image - image.mean() + truth.mean())
        labels.append(f"{name}: off by {(image - truth).std():.3f} rad")
    shades, light = limits(np.stack([truth, *images])), limits(frame)
    everything = [*zip(images, labels, strict=True), (truth, "truth")]
    rows = [
        [Panel(grey(frame, light), "the frame, +4 um"), *(Panel(grey(i, shades), name) for i, name in everything)],
        [Panel(grey(frame[part], light), "closer"), *(Panel(grey(i[part], shades), "") for i, _ in everything)],
    ]
    return "Phase of cells from one defocused frame, 4 x finer than the camera", rows, "Simulated."


def colour(seed: int = 11) -> tuple[str, list[list[Panel]], str]:
    """A stained slide in three LED colours: the frames as they come, the field, and the truth."""
    acquisition, truth = SIMULATORS["stained-slide"](seed, pixels=112)
    result = result_of(acquisition, "fpm-sequential")
    frames = np.stack([one.intensity([bright_frame(one)])[0] for one in acquisition.colours()], -1)
    balanced = frames / empty_place(acquisition).brightness
    axis = np.arange(truth["object"].shape[-1]) * truth["pixel_um"]
    found = np.abs(result.field.render_channels([0.0], axis, axis)[:, 0].numpy()) ** 2
    panels = [
        Panel(shown(frames), "Frames of the LEDs on axis, as they come"),
        Panel(shown(balanced), "white balanced alone"),
        Panel(shown(np.moveaxis(found, 0, -1)), "fpm-sequential, registered"),
        Panel(shown(np.moveaxis(np.abs(truth["object"]) ** 2, 0, -1)), "truth"),
    ]
    title = "A stained slide in red, green and blue: each colour with a focus, a place and a brightness of its own"
    return title, [panels], "Simulated: neuralfield simulate stained-slide"


def shown(light: np.ndarray) -> np.ndarray:
    """Linear light (y, x, 3) as a picture of 8 bits, enlarged to 320 pixels."""
    factor = max(1, 320 // len(light))
    return np.kron(np.rint(63 * srgb(light)).astype(np.uint8) * 4 + 3, np.ones((factor, factor, 1), np.uint8))


def limits(values: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(values, (0.3, 99.7))
    return float(low), float(high)


SHEETS = {
    "siemens": siemens,
    "p25": p25,
    "coded": coded,
    "coded-fpm": coded_fpm,
    "neuph": neuph,
    "srqpi": srqpi,
    "colour": colour,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHEETS)}; all of them where none is")
    parser.add_argument("--out", type=Path, default=HERE / "images")
    options = parser.parse_args()
    for name in options.names or SHEETS:
        if name not in SHEETS:
            parser.error(f"there is no picture {name!r}; choose of {', '.join(SHEETS)}")
        title, rows, source = SHEETS[name]()
        save_sheet(options.out / f"{name}.png", title, rows, source)
        print(options.out / f"{name}.png")


if __name__ == "__main__":
    main()
