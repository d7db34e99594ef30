"""`neuralfield convert`: any known format as an acquisition file or, for ptychography, as CXI."""

from __future__ import annotations

from pathlib import Path

from ..app import arguments
from ..app.selection import TypedSelection
from ..data.acquisition import Acquisition, quantities
from ..data.selection import USED
from ..types import InputError, Result

CXI = ".cxi"
ENDINGS = (".acq.h5", CXI)


def run(
    file: Path,
    output: Path,
    orientation: str | None,
    result: Path | None,
    *,
    channel: str | None = None,
    choice: TypedSelection = TypedSelection(),  # noqa: B008 - frozen
    overwrite: bool = False,
) -> None:
    """Write `output` and say what is in it.

    Parameters
    ----------
    orientation : how the positions of a scan run, where they must be turned.
    result : what was reconstructed from these frames: its positions and its probe or coded surface take the place of
        the file's; a CXI file takes the object too.
    channel : the only colour to write, as typed.
    choice : frames and a region.
    overwrite : whether outputs may replace older ones.

    Raises
    ------
    InputError : for names that do not fit each other, and for whatever cannot be read or written.
    """
    inputs = [arguments.existing(one) for one in (file, result) if one is not None]
    target = arguments.output(output, ENDINGS, overwrite=overwrite, inputs=inputs)
    as_cxi = target.suffix.lower() == CXI
    from ..io import load_result, open_acquisition, save_acquisition, save_cxi

    acquisition = arguments.one_channel(open_acquisition(file), channel)
    if orientation is not None:
        from ..app.figures.orientation_sheet import turned

        acquisition = turned(acquisition, orientation)
    found = None if result is None else load_result(result)
    if found is not None:
        acquisition = of_frames(acquisition, found)
    if found is not None and not as_cxi:
        acquisition = with_found(acquisition, found, result)
    acquisition = choice.of(acquisition).acquisition
    if as_cxi:
        save_cxi(target, acquisition, found)
    else:
        save_acquisition(target, acquisition)
    print(f"{acquisition.frame_count} frames of kind {acquisition.kind} in {target}")


def of_frames(acquisition: Acquisition, result: Result) -> Acquisition:
    """The frames of an `acquisition` that a `result` was made of, where some were left out."""
    used = result.calibration.get(USED)
    if used is None or used.max(initial=-1) >= acquisition.frame_count or len(used) == acquisition.frame_count:
        return acquisition
    return acquisition.subset(used)


def with_found(acquisition: Acquisition, result: Result, where: object) -> Acquisition:
    """The acquisition with the positions, and the probe or coded surface, of a result.

    Raises
    ------
    InputError : where the result is of other frames, or knows nothing of positions and illumination.
    """
    known = quantities(type(acquisition))
    names = [n for n in ("positions_um", "probe", "coded_surface") if n in known and n in result.calibration]
    if not names:
        raise InputError(f"{where}: this field holds no positions, probe or coded surface of {acquisition.kind} frames")
    positions = result.calibration.get("positions_um")
    if positions is not None and len(positions) != acquisition.frame_count:
        raise InputError(
            f"{where}: this field was made of {len(positions)} frames but {acquisition.source} has "
            f"{acquisition.frame_count}; name the field of these frames"
        )
    return acquisition.replace(**{name: result.calibration[name] for name in names})
