"""The command line. Exit status 0, or 2 with one line on standard error: file or option, value, rule, remedy."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from .. import __version__
from ..app import arguments
from . import error_text as mistakes
from . import free_options

app = cyclopts.App(
    name="neuralfield",
    version=__version__,
    help="From raw frames of a computational microscope to a continuous field, and from the field to images.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

OWN = (
    "--method", "--preset", "--recipe", "--report", "--orientations", "--seed", "--device", "--output", "-o",
    "--resume", "--from",
)  # fmt: skip
FIELD = (".nfield",)

Output = Annotated[Path, Parameter(name=["--output", "-o"])]
Text = Annotated[str | None, Parameter(allow_leading_hyphen=True)]


@app.command
def info(file: Path, /, *, as_json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Say what a file holds: kind, geometry and checks of an acquisition; extent and figures of a field.

    Parameters
    ----------
    file
        Frames of any known format, or a field (.nfield).
    as_json
        Print JSON instead of text.
    """
    from . import report

    arguments.existing(file)
    if file.suffix in FIELD:
        _print(report.field(file), as_json, report.field_as_text)
    else:
        _print(report.acquisition(file), as_json, report.acquisition_as_text)


@app.command
def methods(name: str | None = None, /, *, as_json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """List the methods: what each takes, its presets and options with units.

    Parameters
    ----------
    name
        Only this method; "calibrate" or "train" for the options of those commands.
    as_json
        Print JSON instead of text.
    """
    from . import report

    _print(report.methods(name), as_json, report.methods_as_text)


@app.command
def reconstruct(
    file: Path,
    /,
    *,
    output: Output | None = None,
    method: str | None = None,
    preset: str | None = None,
    recipe: Path | None = None,
    orientations: Path | None = None,
    seed: Text = None,
    device: str | None = None,
    **options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> None:
    """Reconstruct a field. A method's own options are given as --OPTION VALUE; "neuralfield methods" lists them.

    Parameters
    ----------
    file
        Frames of any known format.
    output
        The field to write, OUT.nfield.
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
    """
    from .reconstruct import run

    if orientations is not None:
        from .orientations import draw_file

        return draw_file(file, orientations, device)
    run(file, output, recipe, {**options, "seed": seed, "device": device}, method=method, preset=preset)


@app.command
def calibrate(
    file: Path,
    /,
    *,
    output: Output,
    report: Path | None = None,
    recipe: Path | None = None,
    seed: Text = None,
    device: str | None = None,
    **options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> None:
    """Find what the microscope really was. Options are --OPTION VALUE; "neuralfield methods calibrate" lists them.

    Parameters
    ----------
    file
        Frames of an LED array, or coded ones: then the coded surface ("neuralfield methods coded-surface").
    output
        The corrected acquisition to write, OUT.acq.h5.
    report
        A page of charts, R.png, with its figures beside it in R.json; assessing the quality takes a while longer.
    recipe
        YAML file with options; what is typed comes first.
    seed
        Seed of every random choice.
    device
        auto, cpu, or a graphics card such as cuda:0.
    """
    from .calibrate import run_file

    run_file(file, output, report, recipe, {**options, "seed": seed, "device": device})


@app.command
def render(
    file: Path,
    /,
    *,
    output: Output,
    z_um: Text = None,
    pixel_um: Text = None,
    region_um: Text = None,
    height: str | None = None,
) -> None:
    """Write planes of a field as images: OUT.npy, .tif, .ome.zarr or .png.

    Parameters
    ----------
    file
        A field, .nfield.
    output
        The file to write; its ending says the format.
    z_um
        Depths in um: 0,1.5 or MIN:MAX:STEP. May be left out where the field is a single plane.
    pixel_um
        Pixel of the images in um; the native grid where left out.
    region_um
        Y0,X0,Y1,X1 in um, half open; the whole field where left out.
    height
        Heights in um in place of phase; SAMPLE,MEDIUM refractive indices where the field does not know them.
    """
    from ..app.rendering import run

    run(file, output, z_um=z_um, pixel_um=pixel_um, region_um=region_um, height=height)


@app.command
def timelapse(
    file: Path,
    /,
    *,
    output: Output,
    method: str = "srqpi",
    frames: Text = None,
    drift: bool = False,
    brightness: bool = False,
    height: str | None = None,
    weights: Path | None = None,
    flatten: bool = False,
    device: str | None = None,
) -> None:
    """Write a bright-field time-lapse as phase over time (t, y, x), frame by frame: OUT.ome.zarr, .tif or .npy.

    Parameters
    ----------
    file
        Frames with the times at which they were taken.
    output
        The file to write; its ending says the format.
    method
        srqpi or srcnn, which make phase of a single frame.
    frames
        Which: A:B, A:B:STEP or 0,5,9, counted from 0, B not reached; all where left out.
    drift
        Hold still what moves from frame to frame.
    brightness
        Make all frames equally bright first.
    height
        Heights in um in place of phase; SAMPLE,MEDIUM refractive indices where the file does not know them.
    weights
        Weights of the network, .safetensors; those that come with the package where left out.
    flatten
        Divide slowly varying brightness out of every frame.
    device
        auto, cpu, or a graphics card such as cuda:0.
    """
    from ..app.lapse_corrections import Choices
    from .timelapse import run

    options = {"weights": None if weights is None else str(weights), "flatten": flatten or None, "device": device}
    run(file, output, method, frames=frames, choices=Choices(drift, brightness), height=height, options=options)


@app.command
def convert(file: Path, /, *, output: Output, orientation: str | None = None, result: Path | None = None) -> None:
    """Write any known format, with its sidecar, as OUT.acq.h5; ptychography as OUT.cxi too.

    Parameters
    ----------
    file
        Frames of any known format.
    output
        The file to write, OUT.acq.h5 or OUT.cxi.
    orientation
        How the positions of a scan run, as "reconstruct FILE --orientations OUT.png" names it; they are turned so.
    result
        A field reconstructed from these frames, .nfield: its positions, object and probe go into OUT.cxi.
    """
    from .convert import run

    run(file, output, orientation, result)


@app.command
def simulate(kind: str, /, *, output: Output, truth: Path | None = None, seed: int = 0) -> None:
    """Write frames of a virtual microscope, and the truth behind them.

    Parameters
    ----------
    kind
        Name of a virtual microscope; an unknown name lists them.
    output
        The frames, OUT.acq.h5.
    truth
        HDF5 file for what the reconstruction should find.
    seed
        Seed of the sample and of the noise.
    """
    from .simulate import run

    run(kind, output, truth, seed)


@app.command
def train(
    network: str,
    /,
    *,
    output: Output,
    recipe: Path | None = None,
    resume: Path | None = None,
    start: Annotated[Path | None, Parameter(name="--from")] = None,
    seed: Text = None,
    device: str | None = None,
    **options: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
) -> None:
    """Train a network. Options are --OPTION VALUE; "neuralfield methods train" lists them with their units.

    Parameters
    ----------
    network
        Name of a network, such as neuph.
    output
        The weights to write, OUT.safetensors; the picture of the last look at scenes kept aside is beside it, OUT.png.
    recipe
        YAML file with options; what is typed comes first.
    resume
        Weights of a training that was interrupted: it goes on with its own options, and those typed.
    start
        Finished weights to begin from (fine-tuning); "shipped" for those that come with the package.
    seed
        Seed of every random choice.
    device
        auto, cpu, or a graphics card such as cuda:0.
    """
    from .train import run

    run(network, output, recipe, {**options, "seed": seed, "device": device}, resume=resume, start=start)


@app.command
def demo(*, output: Output = Path("demo"), window: bool | None = None) -> None:
    """Simulate, reconstruct, check against the truth and draw a picture: the whole road on a small example.

    Parameters
    ----------
    output
        Folder for the files and the picture.
    window
        Open napari with the result; by default where there is a display.
    """
    from .demo import run

    run(output, window)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # notes of a long run reach a pipe when they are made
    mistakes.say_warnings()
    try:
        app(free_options.joined(tokens, OWN), print_error=False, exit_on_error=False, result_action="return_none")
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as error:
        mistakes.complain(str(error) or "interrupted")
        return 130
    except Exception as error:
        mistakes.explain(error)
        return 2


def _print(found: object, as_json: bool, as_text: Callable[..., str]) -> None:
    print(json.dumps(found, indent=2, ensure_ascii=False) if as_json else as_text(found))
