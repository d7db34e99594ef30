"""A calibration in a terminal: what was found in plain lines, the corrected file, and the report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from ..app import arguments, wide_field
from ..app.calibration import assess_both
from ..app.figures.calibration_figures import figures
from ..app.figures.calibration_findings import Finding, all_findings
from ..app.selection import TypedSelection, said_of
from ..data.acquisition import Acquisition, LedArray
from ..data.colours import ONE_COLOUR, refuse_colours
from ..io import open_acquisition, save_acquisition
from ..io.native.atomic import write_or_keep
from ..recon.calibration.first_stage import calibration_of
from ..recon.calibration.recipe import CalibrationRecipe
from ..recon.engine.recipe import Recipe, checked, load, options_of
from ..recon.engine.recipe import run as reconstruct
from ..registry import METHODS
from ..types import InputError
from . import terminal
from .checkpoints import USUAL, Keeping, kept, of_run
from .convert import with_found

ACQUISITION = (".acq.h5",)


def run_file(
    file: Path,
    output: Path,
    report: Path | None,
    recipe: Path | None,
    typed: Mapping[str, str | None],
    *,
    regions: str | None = None,
    channel: str | None = None,
    choice: TypedSelection = TypedSelection(),  # noqa: B008 - frozen
    overwrite: bool = False,
    keeping: Keeping = USUAL,
) -> None:
    """Calibrate a file; what is typed comes before what the `recipe` file says.

    Parameters
    ----------
    file : frames of any known format.
    output : the corrected acquisition, `*.acq.h5`.
    report : the page, `*.png`; none where None.
    recipe : YAML file with options.
    typed : options as they were typed, by name.
    regions : `ROWS,COLUMNS` of a wide field, as typed.
    channel : the only colour to calibrate, as typed.
    choice : frames and a region.
    overwrite : whether outputs may replace older ones.
    keeping : how an interrupted run can go on.

    Raises
    ------
    InputError : for options that do not fit, and for whatever cannot be read or written.
    """
    inputs = [arguments.existing(file)]
    target = arguments.output(output, ACQUISITION, overwrite=overwrite, inputs=inputs)
    if report is not None:
        for page, ending in ((report, ".png"), (report.with_suffix(".json"), ".json")):
            arguments.output(page, (ending,), "--report", overwrite=overwrite, inputs=inputs)
    acquisition = arguments.one_channel(open_acquisition(file), channel)
    refuse_colours(acquisition.values(), "a calibration", ONE_COLOUR, str(file))
    name, model = recipe_of(acquisition)
    chosen = load(recipe) if recipe is not None else {}
    choice, own = choice.beside([option.name for option in options_of(model)], acquisition.frame_count)
    values = arguments.option_values(options_of(model), {**typed, **own})
    part, count = choice.of(acquisition), acquisition.frame_count
    if said := said_of(part, count):
        print(f"of {said}")
    options = checked(model, {**chosen, **values, "method": name}, name)
    if regions is not None and report is not None:
        raise InputError(f"option --report is {report}; there is no report of several regions, so leave it out")
    with kept(target, keeping, lambda: of_run(file, part.acquisition, options, {"regions": regions})):
        if regions is None:
            run(part.acquisition, options, target, report)
        else:
            _regions(part.acquisition, options, target, wide_field.regions(regions))


def _regions(acquisition: Acquisition, recipe: Recipe, target: Path, count: tuple[int, int]) -> None:
    """Calibrate regions of a wide field, say what they tell together, write the acquisition with it."""
    from ..recon.calibration.wide.regions import calibrate_regions

    if not isinstance(acquisition, LedArray) or not isinstance(recipe, CalibrationRecipe):
        raise InputError(
            f"option --regions is {count[0]},{count[1]}, but the frames are of kind {acquisition.kind}; it is for "
            "those of single LEDs, led_array, so leave it out"
        )
    wall, cpu = time.perf_counter(), time.process_time()
    found = terminal.returned(calibrate_regions(acquisition, recipe, *count))
    print(terminal.took(time.perf_counter() - wall, time.process_time() - cpu))
    print(*terminal.columns(wide_field.told(found)), sep="\n")
    write_or_keep(target, lambda path: save_acquisition(path, found.corrected), "corrected acquisition")
    print(f"the corrected acquisition is in {target}; a region of it has its own directions and pupil")


def recipe_of(acquisition: Acquisition) -> tuple[str, type[Recipe]]:
    """Name and recipe of what `calibrate` does for this kind: a coded surface, or the board and the pupil."""
    if acquisition.kind == "coded_ptychography":
        return "coded-surface", METHODS["coded-surface"].recipe
    return "calibrate", CalibrationRecipe


def _surface(acquisition: Acquisition, recipe: Recipe, target: Path) -> None:
    """Find a coded surface and the positions, say how well they explain the frames, write the acquisition with them."""
    rescue = target.with_name(target.name.removesuffix(".acq.h5") + ".nfield")  # its partial is what is kept
    result = terminal.follow(iter(reconstruct(acquisition, recipe)), acquisition, recipe, rescue)
    print(*terminal.figures(result), sep="\n")
    found = with_found(acquisition, result, "the result")
    write_or_keep(target, lambda path: save_acquisition(path, found), "calibrated acquisition")
    terminal.drop_partial(rescue)
    print(f"surface and positions are in {target}; in the sidecar of a later sample write coded_surface: {target.name}")


def run(acquisition: Acquisition, recipe: Recipe, target: Path, report: Path | None = None) -> None:
    """Calibrate, say what was found, write the corrected acquisition to `target`; with `report` draw the page too.

    `recipe` is of the model that `recipe_of` names for the kind of `acquisition`.

    Raises
    ------
    InputError : where the acquisition cannot be calibrated, or a file not be written.
    """
    if not isinstance(recipe, CalibrationRecipe):
        if report is not None:
            raise InputError(f"option --report is {report}; there is a report of LED boards only, so leave it out")
        _surface(acquisition, recipe, target)
        return
    wall, cpu = time.perf_counter(), time.process_time()
    notes: list[str] = []
    found = terminal.returned(calibration_of(acquisition, recipe), notes)
    seconds = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
    print(terminal.took(**seconds))
    told = all_findings(figures(found, leave_out=recipe.leave_out))
    _tell(told)
    for warning in found.warnings:
        if warning not in notes:
            print(f"warning: {warning}")
    corrected = found.acquisition(recipe.leave_out)
    write_or_keep(target, lambda path: save_acquisition(path, corrected), "corrected acquisition")
    left_out = found.corrected.frame_count - corrected.frame_count
    without = f", without {left_out} outlier {'frame' if left_out == 1 else 'frames'}" if left_out else ""
    print(f"the corrected acquisition is in {target}{without}")
    if report is None:
        return
    from ..app.figures.calibration_report import save  # loads matplotlib

    before, after = terminal.returned(assess_both(found, recipe.leave_out, recipe.device, recipe.seed))
    page = figures(found, before, after, recipe.leave_out, **seconds)
    _tell([finding for finding in all_findings(page) if finding not in told])
    save(report, page)
    print(f"the report is in {report}, its figures in {report.with_suffix('.json')}")


def _tell(findings: list[Finding]) -> None:
    print(*terminal.columns([(finding.name, finding.text) for finding in findings]), sep="\n")
