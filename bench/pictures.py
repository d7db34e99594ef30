"""Fields of one recording side by side: `python -m bench.pictures OUT.png before=A.nfield after=B.nfield`.

Amplitudes above, phases below. What stands before `=` is written below a picture, else the file's name. With
`--truth T.truth.h5` the last column is the truth, and every field is brought as near to it as frames allow (a complex
factor, a quadratic phase, the conjugate twin); without, as near to the last field. All pictures of a row share one
scale. `--crop-um` says what is shown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import h5py
import numpy as np

from napari_neuralfield.app.arguments import numbers
from napari_neuralfield.app.figures.picture import Panel, grey, save_sheet
from napari_neuralfield.recon.engine.image_scores import aligned

RIM = 16  # the shorter side over the border that does not count where fields are compared
BULK = (0.3, 99.7)  # percentiles between black and white
BESIDE = 0.1  # of the bulk's range, on each side
FINE = 4  # pixels of a picture per pixel of a frame, at most, where no truth says how many


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pictures", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.png")
    parser.add_argument("fields", nargs="+", metavar="[LABEL=]FIELD")
    parser.add_argument("--truth", type=Path, help="HDF5 with object and pixel_um")
    parser.add_argument("--crop-um", metavar="Y0,X0,Y1,X1", help="the middle half where left out")
    parser.add_argument("--title", default="")
    options = parser.parse_args()
    named = [(label or Path(file).stem, Path(file)) for label, _, file in (f.rpartition("=") for f in options.fields)]
    images, pixel_um = planes([file for _, file in named], options.truth)
    labels = [label for label, _ in named] + (["truth"] if options.truth else [])
    crop = numbers("--crop-um", options.crop_um, count=4) if options.crop_um else None
    rows = panels(images, labels, middle(images[-1].shape) if crop is None else pixels_of(crop, pixel_um))
    save_sheet(options.out, options.title or options.out.stem, rows, f"amplitude above, phase below; {pixel_um:.3g} um")
    print(options.out)


def planes(files: list[Path], truth: Path | None) -> tuple[list[np.ndarray], float]:
    """The fields (y, x), complex, on the pixels of the truth or of the last of them, and that pixel, um.

    Parameters
    ----------
    files : of the fields.
    truth : whose object comes last, where there is one.
    """
    from napari_neuralfield import load_result

    fields = [load_result(file).field for file in files]
    if truth is None:
        extent = fields[-1].extent
        pixel_um = max(extent.pixel_um, extent.size_um[0] / (FINE * 384))
        shape = tuple(round(size / pixel_um) for size in extent.size_um)
    else:
        with h5py.File(truth) as stored:
            target, pixel_um = stored["object"][:], float(stored.attrs["pixel_um"])
        shape = target.shape
    y, x = (np.arange(n) * pixel_um for n in shape)
    found = []
    for field in fields:
        low, high = field.extent.z_um
        found.append(np.asarray(field.render([low if low == high else 0.0], y, x)[0].detach().cpu().numpy()))
    return found + ([] if truth is None else [target]), pixel_um


def middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The middle half of each axis."""
    rows, columns = (slice(n // 4, n - n // 4) for n in shape)
    return rows, columns


def pixels_of(crop_um: list[float], pixel_um: float) -> tuple[slice, slice]:
    """Rows and columns of `crop_um`, (y0, x0, y1, x1), on pixels of `pixel_um`."""
    y0, x0, y1, x1 = (round(value / pixel_um) for value in crop_um)
    return slice(y0, y1), slice(x0, x1)


def panels(images: list[np.ndarray], labels: list[str], crop: tuple[slice, slice]) -> list[list[Panel]]:
    """Amplitudes and phases, each brought as near to the last image as frames allow; one scale a row.

    Parameters
    ----------
    images : complex (y, x).
    labels : one each.
    crop : rows and columns that are shown.
    """
    last, border = images[-1], min(images[-1].shape) // RIM
    inner = np.zeros(last.shape, bool)
    inner[border : last.shape[0] - border, border : last.shape[1] - border] = True
    near = [*(aligned(image, last, inner, "curvature") for image in images[:-1]), last]
    flat = np.exp(-1j * np.angle(last[inner].mean()))
    amplitude = [np.abs(image[crop]) for image in near]
    phase = [np.angle(image[crop] * flat) for image in near]
    return [
        [Panel(grey(one, limits), f"{label}, {name}") for label, one in zip(labels, row, strict=True)]
        for name, row in (("amplitude", amplitude), ("phase", phase))
        for limits in [scale(row[-1])]
    ]


def scale(image: np.ndarray) -> tuple[float, float]:
    """What is black and what white: the bulk of an `image` (y, x), and a little on both sides."""
    low, high = np.percentile(image, BULK)
    return float(low - BESIDE * (high - low)), float(high + BESIDE * (high - low))


if __name__ == "__main__":
    main()
