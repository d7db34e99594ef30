"""Commands that take frames."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cyclopts import Parameter

from ..app import arguments
from ..app.selection import TypedSelection
from ..types import InputError
from .checkpoints import USUAL, Keeping
from .in_tiles import WHOLE, InTiles
from .program import AsJson, Free, Output, Overwrite, Text, app, show

FIELD = (".nfield",)
WEIGHTS = (".safetensors",)


@Parameter(name="*")
@dataclasses.dataclass(frozen=True)
class Chosen:
    """What of the frames is taken.

    Parameters
    ----------
    channel
        Only this colour of frames of several, counted from 0 as "neuralfield info" lists them.
    frames
        Which: A:B, A:B:STEP or 0,5,9, counted from 0, B not reached; all where left out.
    leave_out
        Frames to do without, written like those of --frames; without numbers, where a calibration runs: its outliers.
    region_um
        Y0,X0,Y1,X1 in um of the frame; of a scan in um of the object: frames whose windows have their centre there.
    optical_axis_um
        Y,X in um of the frame where LED directions as given hold; seen from elsewhere near LEDs lie differently.
    """

    channel: Text = None
    frames: Text = None
    leave_out: Text = None
    region_um: Text = None
    optical_axis_um: Text = None

    @property
    def part(self) -> TypedSelection:
        """Frames and region, as they were typed."""
        return TypedSelection(self.frames, self.leave_out, self.region_um, self.optical_axis_um)


@app.command
def info(file: Path, /, *, as_json: AsJson = False) -> None:
    """Say what a file holds: acquisition (kind, geometry, checks), field (extent, figures) or weights (model card).

    Parameters
    ----------
    file
        Frames of any known format, a field (.nfield), or weights of a network (.safetensors).
    as_json
        Print JSON instead of text.
    """
    from ..io.native.reading import surprises
    from . import report

    arguments.existing(file)
    with surprises(file):
        if file.suffix in WEIGHTS:
            from ..networks import cards  # PyTorch comes with it

            show(cards.shown(file), as_json, cards.as_text)
        elif file.suffix in FIELD:
            show(report.field(file), as_json, report.field_as_text)
        else:
            show(report.acquisition(file), as_json, report.acquisition_as_text)


@app.command(name="import")
def import_frames(
    *files: Path, output: Output, overwrite: Overwrite = False, kind: str | None = None, **options: Free
) -> None:
    """Make an acquisition and a sidecar of foreign frames; what is missing is asked for in a terminal, or typed here.

    Every value is an option under its name: --wavelength-um 0.522, --objective-na 0.1, --pixel-um, --z-um, --exposure,
    --positions-um motors.txt, --patterns "half 90; half 270". An LED board: --rows, --columns, --pitch-mm, --height-mm,
    --rotation-deg, --order (raster, serpentine, columns, columns_serpentine, spiral, spiral_inwards, or a table),
    --start, --sense, --missing, --flip, --centre-mm, --slide-mm; rings: --counts, --radii-mm or --radii-na,
    --start-deg, --sense; or --leds BOARD.csv.

    Parameters
    ----------
    files
        One recording of any known format, or several images that are its frames, in their order.
    output
        The acquisition to write, OUT.acq.h5.
    overwrite
        Replace what is there already under the names of the outputs.
    kind
        What the frames show: led_array, multiplexed_led, coded_ptychography, ptychography or through_focus.
    """
    from .import_frames import run

    if not files:
        raise InputError("import: no file is named; write neuralfield import FILE -o OUT.acq.h5")
    run(files, output, kind, options, overwrite=overwrite)


@app.command
def methods(name: str | None = None, /, *, as_json: AsJson = False) -> None:
    """List the methods: what each takes, its presets and options with units.

    Parameters
    ----------
    name
        Only this method; "calibrate" or "train" for the options of those commands.
    as_json
        Print JSON instead of text.
    """
    from . import report

    show(report.methods(name), as_json, report.methods_as_text)


@app.command
def reconstruct(
    file: Path,
    /,
    *,
    output: Output | None = None,
    overwrite: Overwrite = False,
    method: str | None = None,
    preset: str | None = None,
    recipe: Path | None = None,
    orientations: Path | None = None,
    chosen: Chosen = Chosen(),
    tiles: InTiles = WHOLE,
    keeping: Keeping = USUAL,
    seed: Text = None,
    device: str | None = None,
    as_json: AsJson = False,
    **options: Free,
) -> None:
    """Reconstruct a field. A method's own options are given as --OPTION VALUE; "neuralfield methods" lists them.

    Parameters
    ----------
    file
        Frames of any known format.
    output
        The field to write, OUT.nfield.
    overwrite
        Replace what is there already under the names of the outputs.
    method
        Name of a method, or "recommended" (the default), which takes the best one for this kind of acquisition.
    preset
        A named set of options of the method; "published" is the paper's.
    recipe
        YAML file with options; what is typed comes first.
    orientations
        Instead of a field a sheet of pictures, OUT.png: the eight ways in which the positions of a scan may run.
    seed
        Seed of every random choice.
    device
        auto, cpu, or a graphics card such as cuda:0.
    as_json
        Print the --plan as JSON.
    """
    from .reconstruct import draw_orientations, run

    if orientations is not None:
        return draw_orientations(file, orientations, device, overwrite)
    typed = {**options, "seed": seed, "device": device}
    run(
        file, output, recipe, typed, method=method, preset=preset, channel=chosen.channel, choice=chosen.part,
        tiles=tiles, keeping=keeping, overwrite=overwrite, as_json=as_json,
    )  # fmt: skip


@app.command
def calibrate(
    file: Path,
    /,
    *,
    output: Output,
    overwrite: Overwrite = False,
    report: Path | None = None,
    recipe: Path | None = None,
    regions: Text = None,
    chosen: Chosen = Chosen(),
    keeping: Keeping = USUAL,
    seed: Text = None,
    device: str | None = None,
    **options: Free,
) -> None:
    """Find what the microscope really was. Options are --OPTION VALUE; "neuralfield methods calibrate" lists them.

    Parameters
    ----------
    file
        Frames of an LED array, or coded ones: then the coded surface ("neuralfield methods coded-surface").
    output
        The corrected acquisition to write, OUT.acq.h5.
    overwrite
        Replace what is there already under the names of the outputs.
    report
        A page of charts, R.png, with its figures beside it in R.json; assessing the quality takes a while longer.
    recipe
        YAML file with options; what is typed comes first.
    regions
        ROWS,COLUMNS: so many regions of a wide field one by one; together they tell optical axis, board and pupil.
    seed
        Seed of every random choice.
    device
        auto, cpu, or a graphics card such as cuda:0.
    """
    from .calibrate import run_file

    typed = {**options, "seed": seed, "device": device}
    run_file(
        file, output, report, recipe, typed, regions=regions, channel=chosen.channel, choice=chosen.part,
        keeping=keeping, overwrite=overwrite,
    )  # fmt: skip


@app.command
def convert(
    file: Path,
    /,
    *,
    output: Output,
    overwrite: Overwrite = False,
    orientation: str | None = None,
    result: Path | None = None,
    chosen: Chosen = Chosen(),
) -> None:
    """Write any known format, with its sidecar, as OUT.acq.h5; ptychography as OUT.cxi too.

    Parameters
    ----------
    file
        Frames of any known format.
    output
        The file to write, OUT.acq.h5 or OUT.cxi.
    overwrite
        Replace what is there already under the names of the outputs.
    orientation
        How the positions of a scan run, as "reconstruct FILE --orientations OUT.png" names it; they are turned so.
    result
        A field reconstructed from these frames, .nfield: its positions, object and probe go into OUT.cxi.
    """
    from .convert import run

    run(file, output, orientation, result, channel=chosen.channel, choice=chosen.part, overwrite=overwrite)


@app.command
def simulate(
    kind: str,
    /,
    *,
    output: Output,
    overwrite: Overwrite = False,
    truth: Path | None = None,
    seed: int = 0,
    without: Text = None,
    only: Text = None,
) -> None:
    """Write frames of a virtual microscope, and the truth behind them.

    Parameters
    ----------
    kind
        Name of a virtual microscope; an unknown name lists them.
    output
        The frames, OUT.acq.h5.
    overwrite
        Replace what is there already under the names of the outputs.
    truth
        HDF5 file for what the reconstruction should find.
    seed
        Seed of the sample and of the noise.
    without
        Effects of fpm-real that are left out, with commas, or "all"; a wrong name lists them.
    only
        Effects of fpm-real that are in; all others are left out.
    """
    from .simulate import run

    run(kind, output, truth, seed, without=without, only=only, overwrite=overwrite)
