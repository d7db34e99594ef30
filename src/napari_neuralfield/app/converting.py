"""`neuralfield convert`: any known format as an acquisition file or, for ptychography, as CXI."""

from __future__ import annotations

from pathlib import Path

from ..types import InputError
from . import arguments

CXI = ".cxi"
ENDINGS = (".acq.h5", CXI)


def run(file: Path, output: Path, orientation: str | None, result: Path | None) -> None:
    """Write `output` and say what is in it.

    Parameters
    ----------
    orientation : how the positions of a scan run, where they must be turned.
    result : what was reconstructed from these frames, for a CXI file.

    Raises
    ------
    InputError : for names that do not fit each other, and for whatever cannot be read or written.
    """
    target = arguments.output(output, ENDINGS)
    as_cxi = target.suffix.lower() == CXI
    if result is not None and not as_cxi:
        raise InputError(f"option --result is {result}; only a .cxi file takes a result, so name the output OUT.cxi")
    arguments.not_the_input(target, arguments.existing(file))
    from ..io import load_result, open_acquisition, save_acquisition, save_cxi

    acquisition = open_acquisition(file)
    if orientation is not None:
        from .orientations import turned

        acquisition = turned(acquisition, orientation)
    if as_cxi:
        save_cxi(target, acquisition, None if result is None else load_result(arguments.existing(result)))
    else:
        save_acquisition(target, acquisition)
    print(f"{acquisition.frame_count} frames of kind {acquisition.kind} in {target}")
