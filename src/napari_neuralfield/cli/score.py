"""`neuralfield score`: a field against the truth behind its frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

from ..app import arguments
from ..types import InputError

COLUMNS = {
    "amplitude_psnr_db": "amplitude PSNR, dB",
    "amplitude_ssim": "SSIM",
    "amplitude_mse": "MSE",
    "amplitude_fm": "FM",
    "phase_psnr_db": "phase PSNR, dB",
    "phase_ssim": "SSIM",
    "phase_mse": "MSE, rad2",
    "phase_rmse_rad": "RMSE, rad",
    "phase_fm": "FM",
    "relative_error": "relative error",
}


def run(file: Path, truth: Path, *, z_um: str | None, time: int | None, free: str | None) -> dict[str, Any]:
    """The figures, JSON-ready.

    Parameters
    ----------
    file, truth : the field, and the truth behind its frames.
    z_um, time : as typed; None where nothing was.
    free : what no frame can tell, one of `image_scores.FREE`; None: as the truth says.

    Raises
    ------
    InputError : for what cannot be read or compared.
    """
    from ..app.scoring import read_truth, score
    from ..io import load_result
    from ..recon.engine.image_scores import Free

    if free is not None and free not in get_args(Free):
        raise InputError(f"option --free is {free}; it must be one of {', '.join(get_args(Free))}")
    result = load_result(arguments.existing(file))
    known = read_truth(arguments.existing(truth))
    depth = None if z_um is None else arguments.numbers("--z-um", z_um, count=1)[0]
    return score(result, known, str(file), free=cast("Free | None", free), z_um=depth, time=time)


def as_text(found: dict[str, Any]) -> str:
    """A table: a line for each depth and time, their mean, and all pixels together."""
    rows, columns = found["shape"]
    names = [name for name in COLUMNS if name in found["all"]]
    planes = found["planes"]
    lines = [("", *(COLUMNS[name] for name in names))]
    for row in planes:
        where = f"z {row['z_um']:g} um" if "time" not in row else f"time {row['time']}, {row['time_s']:g} s"
        lines.append((where, *(_number(name, row[name]) for name in names)))
    if len(planes) > 1:
        lines.append(("mean", *(_number(name, found["mean"][name]) for name in names)))
        lines.append(("all pixels", *(_number(name, found["all"][name]) for name in names)))
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    table = ["  ".join(f"{text:>{width}}" for text, width in zip(line, widths, strict=True)) for line in lines]
    truths = [f"{name.split('_')[0]} {found['mean'][name]:.4g}" for name in found["mean"] if name.endswith("fm_truth")]
    head = f"{found['field']} against {found['truth']}: {rows} x {columns} pixels of {found['pixel_um']:.4g} um"
    return "\n".join([f"{head}; {found['free']}", *table, f"FM of the truth: {', '.join(truths)}"])


def _number(name: str, value: float) -> str:
    return f"{value:.2f}" if name.endswith("_db") else f"{value:.4f}" if abs(value) >= 1e-3 else f"{value:.2e}"
