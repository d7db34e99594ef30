"""One page on a calibration: LEDs, pupil, intensity, errors and resolution before and after, and the findings.

Imports matplotlib, so import it where a page is drawn.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import textwrap
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from matplotlib import rc_context, ticker
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from .calibration_figures import Figures, file_name, wavefront, zernike_name
from .calibration_findings import all_findings, findings, outlier_frames, rings

WIDTH, HEIGHT, DPI = 1640, 1080, 100  # pixels, pixels per inch
PAGE, GRID, INK, FAINT = "#16181d", "#30353e", "#eef0f3", "#a0a6b0"
BEFORE, AFTER, MARK = "#70a0fa", "#fa864c", "#ffd65c"
PHASE = LinearSegmentedColormap.from_list("phase", ["#4682f0", "#ebebeb", "#f06e3c"])
MOST_TERMS = 16
LINE_LETTERS = 46  # of the column of findings


def save(path: Path, found: Figures) -> None:
    """Write the page as a PNG, and figures and findings as JSON beside it under the same name.

    Parameters
    ----------
    path : of the PNG.
    found : from `calibration_figures.figures`.
    """
    from ...io.native.atomic import writing

    with _style():
        page = Figure((WIDTH / DPI, HEIGHT / DPI), DPI, facecolor=PAGE)
        page.text(0.015, 0.966, f"What the microscope was: {file_name(found)}", size=18, va="center")
        places = page.add_gridspec(2, 4, left=0.047, right=0.985, top=0.9, bottom=0.1, wspace=0.3, hspace=0.42)
        for k, draw in enumerate((_leds, _pupil, _terms, _gains, _errors, _rings)):
            draw(page.add_subplot(places[k // 3, k % 3]), found)
        _column(page.add_subplot(places[:, 3]), found)
        with writing(path) as temporary:
            page.savefig(temporary, format="png")
    told = {**found, "findings": [dataclasses.asdict(finding) for finding in all_findings(found)]}
    with writing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _style() -> AbstractContextManager[None]:
    """Light letters and thin lines on a dark page."""
    return rc_context({
        "font.size": 9.5, "text.color": INK, "axes.facecolor": PAGE, "axes.edgecolor": GRID, "axes.labelcolor": FAINT,
        "axes.titlesize": 12, "axes.titlelocation": "left", "axes.titlepad": 18, "axes.grid": True,
        "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "axes.formatter.useoffset": False,
        "grid.color": GRID, "xtick.color": GRID, "ytick.color": GRID,
        "xtick.labelcolor": FAINT, "ytick.labelcolor": FAINT, "lines.markersize": 3.6,
        "legend.frameon": False, "legend.handlelength": 1.2, "legend.columnspacing": 0.9, "legend.handletextpad": 0.4,
    })  # fmt: skip


def _radius(found: Figures) -> np.ndarray:
    """Illumination NA of each LED."""
    return np.hypot(*np.array(found["illumination_na_yx"]).T)


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(-0.03, -0.15), ncols=4)


def _empty(axes: Axes, why: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, why, color=FAINT, ha="center", transform=axes.transAxes)


def _mark(axes: Axes, found: Figures, x: np.ndarray, y: np.ndarray) -> None:
    """A ring around each outlier frame's point (of all frames' x and y), and its number beside it."""
    frames = [outlier["frame"] for outlier in found["outlier_frames"]]
    if not frames:
        return
    axes.plot(x[frames], y[frames], "o", label="outlier frame", mec=MARK, mfc="none", ms=11)
    for frame in frames:
        if np.isfinite(y[frame]):
            text = axes.annotate(str(frame), (x[frame], y[frame]), (8, 0), textcoords="offset points", color=MARK)
            text.set(va="center", bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 1})


def _leds(axes: Axes, found: Figures) -> None:
    nominal, na = np.array(found["illumination_na_nominal_yx"]), np.array(found["illumination_na_yx"])
    axes.set(title="LED directions", xlabel="NA x", ylabel="NA y", aspect="equal", anchor="N")
    axes.plot([nominal[:, 1], na[:, 1]], [nominal[:, 0], na[:, 0]], color=INK, lw=0.8)
    axes.plot(nominal[:, 1], nominal[:, 0], "o", color=BEFORE, label="nominal")
    axes.plot(na[:, 1], na[:, 0], "o", color=AFTER, label="found")
    around = np.linspace(0, 2 * np.pi, 200)
    axes.plot(*(found["objective_na"] * np.array([np.cos(around), np.sin(around)])), FAINT, lw=1, label="objective NA")
    _mark(axes, found, na[:, 1], na[:, 0])
    axes.invert_yaxis()
    _legend(axes)


def _pupil(axes: Axes, found: Figures) -> None:
    terms = {int(k): v for k, v in found["zernike_rad"].items()}
    if not terms:
        axes.set_title("Pupil phase")
        return _empty(axes, "the pupil was not calibrated")
    phase = wavefront(terms, 600)
    limit = max(float(np.nanmax(np.abs(phase))), 0.01)
    axes.set(title="Pupil phase" if 4 in terms else "Pupil phase, without defocus")
    axes.set(xlabel="pupil x, of the objective NA", ylabel="pupil y", anchor="N")
    axes.grid(False)
    image = axes.imshow(phase, PHASE, vmin=-limit, vmax=limit, extent=(-1, 1, 1, -1))
    axes.set(xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((0, -0.25, 1, 0.03)), orientation="horizontal")
    bar.set_ticks([-limit, 0, limit], labels=[f"{-limit:.2f} rad", "0", f"+{limit:.2f} rad"])
    bar.outline.set_visible(False)


def _terms(axes: Axes, found: Figures) -> None:
    every = sorted((int(k), v) for k, v in found["zernike_rad"].items())
    shown = sorted(sorted(every, key=lambda term: -abs(term[1]))[:MOST_TERMS])
    rest = "" if len(shown) == len(every) else f", the largest {len(shown)} of {len(every)}"
    axes.set_title(f"Zernike terms by Noll's index{rest}", x=0 if not shown else -1.0)
    if not shown:
        return _empty(axes, "the pupil was not calibrated")
    place = axes.get_position()
    axes.set_position((place.x0 + 0.5 * place.width, place.y0, 0.5 * place.width, place.height))
    values = [value for _, value in shown]
    axes.barh(range(len(shown)), values, 0.64, color=[AFTER if value > 0 else BEFORE for value in values])
    axes.axvline(0, color=FAINT, lw=1)
    axes.set_yticks(range(len(shown)), [f"{zernike_name(k)}  {k}" for k, _ in shown])
    axes.tick_params("y", length=0, labelcolor=INK)
    axes.grid(False, axis="y")
    limit = 1.1 * max(0.05, *map(abs, values))
    axes.set(xlim=(-limit, limit), ylim=(len(shown) - 0.4, -0.6), xlabel="coefficient, rad")


def _over_na(axes: Axes, found: Figures, title: str, label: str) -> np.ndarray:
    """Axes over illumination NA with the objective's edge; returns the LEDs' places there."""
    radius = _radius(found)
    axes.set(title=title, xlabel="illumination NA", ylabel=label, xlim=(0, 1.04 * radius.max()))
    axes.axvline(found["objective_na"], color=FAINT, lw=1, ls="--")
    top = axes.get_xaxis_transform()
    axes.text(found["objective_na"], 1.01, "objective NA", color=FAINT, ha="center", va="bottom", transform=top)
    return radius


def _decades(axes: Axes) -> None:
    """A logarithmic axis upwards, with plain numbers at 1, 2 and 5."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())


def _gains(axes: Axes, found: Figures) -> None:
    gains, radius = np.array(found["gains"]), _over_na(axes, found, "LED intensity", "relative to their mean")
    low, high = min(0.9, gains.min()), max(1.1, gains.max())
    if low > 0 and high / low > 3:
        _decades(axes)
        axes.set_ylim(low / 1.2, high * 1.2)
    axes.axhline(1, color=FAINT, lw=1)
    axes.plot(radius, gains, "o", color=AFTER, label="LED")
    label = "ring: median, middle two thirds"
    for start, end in itertools.pairwise(_edges(found)):
        inside = gains[(radius >= start) & (radius < end)]
        if len(inside):
            least, usual, most = np.percentile(inside, (16, 50, 84))
            axes.plot(2 * [(start + end) / 2], [least, most], INK, lw=2, label=label)
            axes.plot([start, end], 2 * [usual], INK, lw=2)
            label = ""
    _legend(axes)


def _edges(found: Figures) -> np.ndarray:
    """Illumination NA where rings of LEDs begin and end."""
    if found["quality_after"]:
        return np.array(found["quality_after"]["ring_na"])
    from ...recon.calibration.quality import ring_edges

    return ring_edges(np.array(found["illumination_na_yx"]), found["objective_na"])


def _errors(axes: Axes, found: Figures) -> None:
    radius = _over_na(axes, found, "Residual of every LED", "relative amplitude error")
    for when, colour in (("before", BEFORE), ("after", AFTER)):
        error = np.array(found[f"error_{when}"], dtype=float)
        bar = " (bar: held out)" if when == "after" and found["quality_after"] else ""
        axes.plot(radius, error, "o", color=colour, label=f"{when}{bar}")
        quality = found[f"quality_{when}"]
        if quality:
            held_out = np.array(quality["held_out_ring_error"], dtype=float)
            axes.hlines(held_out, quality["ring_na"][:-1], quality["ring_na"][1:], colour, lw=3)
    _mark(axes, found, radius, error)
    if np.isfinite(axes.dataLim.minposy):
        _decades(axes)
    _legend(axes)


def _rings(axes: Axes, found: Figures) -> None:
    axes.set_title("Do two halves of the LEDs agree?")
    if not found["quality_after"]:
        return _empty(axes, "not assessed")
    axes.set(xlabel="spatial frequency, cycles/um", ylabel="Fourier ring correlation")
    after = found["quality_after"]
    axes.plot(after["frequency"], after["half_bit"], color=FAINT, lw=1.4, label="half-bit threshold")
    for row, (when, colour) in enumerate((("before", BEFORE), ("after", AFTER))):
        quality = found[f"quality_{when}"]
        axes.plot(quality["frequency"], quality["correlation"], color=colour, lw=2, label=when)
        if quality["resolution_um"]:
            at = 1 / quality["resolution_um"]
            axes.axvline(at, color=colour, lw=1, ls="--")
            text = f"{when} {quality['resolution_um']:.3f} um "
            axes.text(at, 1.2 - 0.08 * row, text, color=colour, ha="right", va="center")
    axes.set(xlim=(0, None), ylim=(min(0.0, axes.dataLim.y0) - 0.03, 1.27))
    _legend(axes)


def _column(axes: Axes, found: Figures) -> None:
    """The findings in words, and the warnings."""
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0.93 * HEIGHT, 0))  # pixels downwards
    axes.set_position((0.77, 0.02, 0.22, 0.93))
    axes.spines[:].set_visible(False)
    rows = [(finding.name, finding.text, INK) for finding in (*findings(found), *outlier_frames(found))]
    rows += [("Warning", text, MARK) for text in found["warnings"]]
    rows += [(finding.name, finding.text, INK) for finding in rings(found)]
    if found.get("seconds"):
        rows.append(("Time", f"{found['seconds']:.1f} s, {found['cpu_seconds']:.1f} s of processor time", INK))
    height, last = 14.0, ""
    for name, text, colour in rows:
        wrapped = textwrap.wrap(text, LINE_LETTERS)
        if height + 20 * (len(wrapped) + 1) > 0.9 * HEIGHT:
            axes.text(0.05, height, "... more in the JSON file beside this page", color=FAINT, va="top")
            break
        if name != last:
            axes.text(0.05, height + 4, name, color=FAINT, va="top", size=9)
            height += 22
        axes.text(0.05, height, "\n".join(wrapped), color=colour, va="top", linespacing=1.35)
        height += 19 * len(wrapped) + 6
        last = name
