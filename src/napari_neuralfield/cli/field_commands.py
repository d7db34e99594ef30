"""Commands that make images of fields, films and weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .checkpoints import USUAL, Keeping
from .free_options import ALONE
from .program import AsJson, Free, Output, Overwrite, Text, app, show


@app.command
def render(
    file: Path,
    /,
    *,
    output: Output,
    overwrite: Overwrite = False,
    z_um: Text = None,
    pixel_um: Text = None,
    region_um: Text = None,
    height: str | None = None,
    time: int | None = None,
    all_in_focus: bool = False,
    depth_map: Path | None = None,
    keeping: Keeping = USUAL,
) -> None:
    """Write planes of a field as images: OUT.npy, .tif, .ome.zarr or .png.

    Parameters
    ----------
    file
        A field, .nfield.
    output
        The file to write; its ending says the format.
    overwrite
        Replace what is there already under the names of the outputs.
    z_um
        Depths in um: 0,1.5 or MIN:MAX:STEP. May be left out where the field is a single plane.
    pixel_um
        Pixel of the images in um; the native grid where left out.
    region_um
        Y0,X0,Y1,X1 in um, half open; the whole field where left out.
    height
        Heights in um in place of phase; SAMPLE,MEDIUM refractive indices where the field does not know them.
    time
        Number of the time, from 0, of a field of several times; all of them where left out.
    all_in_focus
        One plane, every pixel from the depth where it is sharpest, between the depths of --z-um.
    depth_map
        With --all-in-focus: file for that depth of every pixel, in um.
    """
    from ..app.arguments import existing
    from ..app.rendering import run
    from .checkpoints import kept, of_file

    typed = {
        "z_um": z_um, "pixel_um": pixel_um, "region_um": region_um, "height": height, "time": time,
        "all_in_focus": all_in_focus,
    }  # fmt: skip
    with kept(output, keeping, lambda: of_file(existing(file), typed)):
        run(
            file, output, z_um=z_um, pixel_um=pixel_um, region_um=region_um, height=height, time=time,
            all_in_focus=all_in_focus, depth_map=depth_map, overwrite=overwrite,
        )  # fmt: skip


@app.command
def serve(
    file: Path,
    /,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    token: str | None = None,
    browse: Annotated[bool, Parameter(name="--open", negative="")] = False,
    value: str = "phase",
    z_um: Text = None,
    pixel_um: Text = None,
) -> None:
    """Offer a field to any viewer as OME-Zarr 0.5 over HTTP: what is looked at is computed then, nothing is written.

    Parameters
    ----------
    file
        A field, .nfield: a file, or a folder of tiles.
    port
        Where to listen; 0 takes any that is free.
    host
        Name or address to listen at; one that others can reach needs --token.
    token
        A word of 8 characters or more that every address then begins with.
    browse
        Show the field in the browser.
    value
        phase, amplitude or intensity.
    z_um
        Depths in um: 0,1.5 or MIN:MAX:STEP; evenly over the field where left out.
    pixel_um
        Pixel of the finest level in um; the native one where left out.
    """
    from ..app.serving.command import run

    run(file, port=port, host=host, token=token, browse=browse, value=value, z_um=z_um, pixel_um=pixel_um)


@app.command
def score(
    file: Path,
    truth: Path,
    /,
    *,
    z_um: Text = None,
    time: int | None = None,
    free: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Compare a field with the truth behind its frames: PSNR, SSIM, MSE, FM, of amplitude and phase, in focus.

    Parameters
    ----------
    file
        A field, .nfield.
    truth
        What "neuralfield simulate KIND --truth T.h5" writes.
    z_um
        Depth of the plane to compare in um, where the truth names none.
    time
        Number of the time, from 0, where there are several; all where left out.
    free
        What frames cannot tell: scale, curvature or shift; as the truth says where left out.
    as_json
        Print JSON instead of text.
    """
    from . import report

    show(report.score(file, truth, z_um=z_um, time=time, free=free), as_json, report.score_as_text)


@app.command
def timelapse(
    file: Path,
    /,
    *,
    output: Output,
    overwrite: Overwrite = False,
    method: str = "srqpi",
    frames: Text = None,
    drift: bool = False,
    brightness: bool = False,
    height: str | None = None,
    weights: Path | None = None,
    flatten: bool = False,
    device: str | None = None,
    recipe: Path | None = None,
    keeping: Keeping = USUAL,
) -> None:
    """Write a bright-field time-lapse as phase over time (t, y, x), each time by itself: OUT.ome.zarr, .tif or .npy.

    Parameters
    ----------
    file
        Frames with the times at which they were taken, one at each time or a stack through focus.
    output
        The file to write; its ending says the format.
    overwrite
        Replace what is there already under the names of the outputs.
    method
        srqpi or srcnn, which make phase of a single frame; of stacks also tie-fft, tie-dct, tie-tv or defocus-field.
    frames
        Which, of stacks which times: A:B, A:B:STEP or 0,5,9, counted from 0, B not reached; all where left out.
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
    recipe
        YAML file with options of the method; what is typed comes first.
    """
    from ..app.lapse_corrections import Choices
    from .timelapse import run

    options = {"weights": None if weights is None else str(weights), "flatten": flatten or None, "device": device}
    run(
        file, output, method, frames=frames, choices=Choices(drift, brightness), height=height, options=options,
        recipe=recipe, keeping=keeping, overwrite=overwrite,
    )  # fmt: skip


@app.command
def train(
    network: str,
    /,
    *,
    output: Output,
    overwrite: Overwrite = False,
    recipe: Path | None = None,
    resume: Path | None = None,
    start: Annotated[Path | None, Parameter(name="--from")] = None,
    checkpoint_seconds: float = USUAL.checkpoint_seconds,
    seed: Text = None,
    device: str | None = None,
    **options: Free,
) -> None:
    """Train a network. Options are --OPTION VALUE; "neuralfield methods train" lists them with their units.

    Parameters
    ----------
    network
        Name of a network, such as neuph.
    output
        The weights to write, OUT.safetensors; the picture of the last look at scenes kept aside is beside it, OUT.png.
    overwrite
        Replace what is there already under the names of the outputs.
    recipe
        YAML file with options; what is typed comes first.
    resume
        Weights of a training that was interrupted: it goes on with its own options, and those typed. Without a name:
        go on from OUT.checkpoint, which the same command left when it was interrupted.
    start
        Finished weights to begin from (fine-tuning); "shipped" for those that come with the package.
    checkpoint_seconds
        How far the training has come is kept so often, in s, in OUT.checkpoint until the weights are there.
    seed
        Seed of every random choice.
    device
        auto, cpu, or a graphics card such as cuda:0.
    """
    from .train import run

    alone = str(resume) == ALONE["--resume"]
    run(
        network, output, recipe, {**options, "seed": seed, "device": device}, resume=None if alone else resume,
        start=start, keeping=Keeping(checkpoint_seconds, alone), overwrite=overwrite,
    )  # fmt: skip


@app.command
def export_model(
    network: str,
    /,
    *,
    output: Output,
    overwrite: Overwrite = False,
    weights: Path | None = None,
    like: Path | None = None,
) -> None:
    """Write a network as a package of bioimage.io that takes raw frames of one microscope.

    Parameters
    ----------
    network
        neuph, srqpi or srcnn.
    output
        The package to write, OUT.zip.
    overwrite
        Replace what is there already under the name of the output.
    weights
        Weights of that network (.safetensors); those that come with the package where left out.
    like
        Frames of the microscope: its optics, LED patterns and frame size; of several depths the frame that the network
        knows best. Where left out, the virtual microscope that "neuralfield simulate" has.
    """
    from ..app import arguments
    from ..app.models.package import export_model, weights_named
    from ..io import open_acquisition

    given = [path for path in (weights, like) if path is not None]
    target = arguments.output(output, (".zip",), overwrite=overwrite, inputs=given)
    model = export_model(target, weights_named(network, weights), None if like is None else open_acquisition(like))
    print(f"the model is in {target}; {model.microscope}")


@app.command
def demo(*, output: Output = Path("demo"), overwrite: Overwrite = False, window: bool | None = None) -> None:
    """Simulate, reconstruct, check against the truth and draw a picture: the whole road on a small example.

    Parameters
    ----------
    output
        Folder for the files and the picture.
    overwrite
        Replace what is there already under the names of the outputs.
    window
        Open napari with the result; by default where there is a display.
    """
    from .demo import run

    run(output, window, overwrite)
