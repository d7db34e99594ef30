"""One page on a calibration: LEDs, pupil, brightness, errors and resolution before and after, and the figures."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import calibration_words as words
from .charts import FINE, LABEL, PANEL, TICK, Axis, Chart, Colour, Page, width_of
from .picture import FAINT, INK, two_colours

WIDTH, HEIGHT, MARGIN, GAP = 1640, 1080, 24, 14  # pixels
WIDE, TOP, HIGH = 400, 70, (466, 506)  # of a panel: width, where the first row begins, heights of the two rows
BEFORE, AFTER, MARK = (112, 160, 250), (250, 134, 76), (255, 214, 92)
MOST_TERMS = 16


def save(path: Path, found: dict[str, Any]) -> None:
    """Write the page as a PNG, and the figures as JSON beside it under the same name.

    Parameters
    ----------
    found : from `calibration_words.figures`.
    """
    from ...io.native.atomic import writing

    page = Page(WIDTH, HEIGHT)
    page.text(MARGIN, 20, f"What the microscope was: {words.file_name(found)}", 27)
    outlier_frames = [outlier["frame"] for outlier in found["outlier_frames"]]
    _leds(page, _place(0, 0), found, outlier_frames)
    _pupil(page, _place(1, 0), found)
    _terms(page, _place(2, 0), found)
    _gains(page, _place(0, 1), found)
    _errors(page, _place(1, 1), found, outlier_frames)
    _rings(page, _place(2, 1), found)
    _column(page, MARGIN + 3 * (WIDE + GAP), TOP, found)
    page.save(path)
    with writing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _place(column: int, row: int) -> tuple[float, float, float, float]:
    return MARGIN + column * (WIDE + GAP), TOP + row * (HIGH[0] + GAP), WIDE, HIGH[row]


def _radius(found: dict[str, Any]) -> np.ndarray:
    return np.hypot(*np.array(found["illumination_na_yx"]).T)


def _leds(
    page: Page, place: tuple[float, float, float, float], found: dict[str, Any], outlier_frames: Sequence[int]
) -> None:
    nominal, na = np.array(found["illumination_na_nominal_yx"]), np.array(found["illumination_na_yx"])
    reach = 1.08 * max(np.abs(nominal).max(), np.abs(na).max(), found["objective_na"])
    chart = Chart(
        page, *place, "LED directions", Axis(-reach, reach, "NA x"), Axis(-reach, reach, "NA y", down=True), square=True
    )
    chart.circle(found["objective_na"], FAINT)
    for start, end in zip(nominal, na, strict=True):
        chart.line([start[1], end[1]], [start[0], end[0]], INK, 1.0)
    chart.dots(nominal[:, 1], nominal[:, 0], BEFORE, 2.4)
    chart.dots(na[:, 1], na[:, 0], AFTER, 2.4)
    chart.rings(na[outlier_frames, 1], na[outlier_frames, 0], outlier_frames, MARK)
    entries: list[tuple[str, Colour]] = [("nominal", BEFORE), ("found", AFTER), ("objective NA", FAINT)]
    chart.legend(entries + ([("outlier frame", MARK)] if outlier_frames else []))


def _pupil(page: Page, place: tuple[float, float, float, float], found: dict[str, Any], side: int = 300) -> None:
    title = "Pupil phase, without defocus" if "4" not in found["zernike_rad"] else "Pupil phase"
    phase = words.wavefront({int(k): v for k, v in found["zernike_rad"].items()}, side * FINE)
    if not found["zernike_rad"]:
        return _empty(page, place, "Pupil phase", "the pupil was not calibrated")
    axis = Axis(-1, 1, "pupil x, of the objective NA")
    chart = Chart(page, *place, title, axis, Axis(-1, 1, "pupil y", down=True), square=True)
    inside = np.isfinite(phase)
    limit = max(float(np.nanmax(np.abs(phase))), 0.01)
    colours = two_colours(np.nan_to_num(phase), np.where(inside, 255, 0), (-limit, limit))
    colours[~inside] = PANEL
    width = chart.right - chart.left
    page.picture(colours, chart.left, chart.top, width, width)
    chart.circle(1.0, FAINT)
    left, right, top = chart.left, chart.right, place[1] + place[3] - 34
    ramp = np.linspace(-1, 1, 256)[None].repeat(4, 0)
    page.picture(two_colours(ramp, np.full(ramp.shape, 255), (-1, 1)), left, top, right - left, 10)
    page.text(left, top + 13, f"{-limit:.2f} rad", TICK, FAINT, "la")
    page.text((left + right) / 2, top + 13, "0", TICK, FAINT, "ma")
    page.text(right, top + 13, f"+{limit:.2f} rad", TICK, FAINT, "ra")


def _terms(page: Page, place: tuple[float, float, float, float], found: dict[str, Any]) -> None:
    every = sorted((int(k), v) for k, v in found["zernike_rad"].items())
    if not every:
        return _empty(page, place, "Zernike terms", "the pupil was not calibrated")
    shown = sorted(sorted(every, key=lambda term: -abs(term[1]))[:MOST_TERMS])
    limit = 1.1 * max(0.05, *(abs(value) for _, value in shown))
    rest = "" if len(shown) == len(every) else f", the largest {len(shown)} of {len(every)}"
    chart = Chart(
        page, *place, f"Zernike terms by Noll's index{rest}", Axis(-limit, limit, "coefficient, rad"),
        Axis(-0.6, len(shown) - 0.4, down=True), labels=[f"{words.zernike_name(k)}  {k}" for k, _ in shown],
        most=4,
    )  # fmt: skip
    chart.bars([value for _, value in shown], [AFTER if value > 0 else BEFORE for _, value in shown])


def _gains(page: Page, place: tuple[float, float, float, float], found: dict[str, Any]) -> None:
    gains, radius = np.array(found["gains"]), _radius(found)
    low, high = min(0.9, gains.min()), max(1.1, gains.max())
    log = bool(low > 0 and high / low > 3)
    room = 0.12 * (high - low)
    ends = (low / 1.2, high * 1.4) if log else (low - room, high + room)
    chart = Chart(page, *place, "LED brightness", _na_axis(radius), Axis(*ends, "relative to their mean", log=log))
    chart.upright(found["objective_na"], FAINT, "objective NA")
    chart.line(chart.x_range, [1, 1], FAINT, 1.0)
    chart.dots(radius, gains, AFTER)
    for start, end in itertools.pairwise(_edges(found)):
        inside = gains[(radius >= start) & (radius < end)]
        if len(inside):
            middle, (least, usual, most) = (start + end) / 2, np.percentile(inside, (16, 50, 84))
            chart.line([middle, middle], [least, most], INK, 2.0)
            chart.line([start, end], [usual, usual], INK, 2.0)
    chart.legend([("LED", AFTER), ("ring: median, middle two thirds", INK)])


def _errors(
    page: Page, place: tuple[float, float, float, float], found: dict[str, Any], outlier_frames: Sequence[int]
) -> None:
    before, after = (np.array(found[name], dtype=float) for name in ("error_before", "error_after"))
    radius = _radius(found)
    known = np.concatenate([before, after])
    known = known[np.isfinite(known) & (known > 0)]
    low, high = (known.min(), known.max()) if len(known) else (0.01, 1.0)
    y = Axis(0.8 * low, 1.8 * max(high, 2 * low), "relative amplitude error", log=True)
    chart = Chart(page, *place, "Residual of every LED", _na_axis(radius), y)
    chart.upright(found["objective_na"], FAINT, "objective NA")
    for values, colour in ((before, BEFORE), (after, AFTER)):
        chart.dots(radius, values, colour)
    for quality, colour in ((found["quality_before"], BEFORE), (found["quality_after"], AFTER)):
        for start, end, value in _steps(quality):
            chart.line([start, end], [value, value], colour, 3.0)
    chart.rings(radius[outlier_frames], after[outlier_frames], outlier_frames, MARK)
    line = "after (bar: held out)" if found["quality_after"] else "after"
    chart.legend([("before", BEFORE), (line, AFTER), *([("outlier frame", MARK)] if outlier_frames else [])])


def _rings(page: Page, place: tuple[float, float, float, float], found: dict[str, Any]) -> None:
    title = "Do two halves of the LEDs agree?"
    if not found["quality_after"]:
        return _empty(page, place, title, "not assessed")
    curves = [(found["quality_before"], BEFORE, "before"), (found["quality_after"], AFTER, "after")]
    furthest = max(quality["frequency"][-1] for quality, _, _ in curves)
    lowest = min(0.0, *(min(quality["correlation"]) for quality, _, _ in curves))
    x = Axis(0, 1.04 * furthest, "spatial frequency, cycles/um")
    chart = Chart(page, *place, title, x, Axis(lowest - 0.03, 1.22, "Fourier ring correlation"))
    after = found["quality_after"]
    chart.line(after["frequency"], after["half_bit"], FAINT, 1.4)
    for row, (quality, colour, name) in enumerate(curves):
        chart.line(quality["frequency"], quality["correlation"], colour)
        period = quality["resolution_um"]
        if period:
            chart.upright(1 / period, colour, f"{name} {period:.3f} um", row)
    chart.legend([("half-bit threshold", FAINT), ("before", BEFORE), ("after", AFTER)])


def _steps(quality: dict[str, Any] | None) -> list[tuple[float, float, float]]:
    """(start, end, error) of every ring with frames held out."""
    if not quality:
        return []
    rings = zip(itertools.pairwise(quality["ring_na"]), quality["held_out_ring_error"], strict=True)
    return [(start, end, value) for (start, end), value in rings if value]


def _na_axis(radius: np.ndarray) -> Axis:
    return Axis(0, 1.04 * float(radius.max()), "illumination NA")


def _edges(found: dict[str, Any]) -> np.ndarray:
    if found["quality_after"]:
        return np.array(found["quality_after"]["ring_na"])
    from ...recon.calibration.quality import ring_edges

    return ring_edges(np.array(found["illumination_na_yx"]), found["objective_na"])


def _empty(page: Page, place: tuple[float, float, float, float], title: str, why: str) -> None:
    left, top, width, height = place
    page.box(left, top, left + width, top + height, PANEL)
    page.text(left + 16, top + 13, title, 17)
    page.text(left + width / 2, top + height / 2, why, LABEL, FAINT, "mm")


def _column(page: Page, left: float, top: float, found: dict[str, Any]) -> None:
    """The figures in words, and the warnings."""
    width = WIDTH - MARGIN - left
    page.box(left, top, left + width, HEIGHT - MARGIN, PANEL)
    left, width = left + 16, width - 32
    height = top + 16.0
    rows: list[tuple[str, str, Colour]] = [(name, text, INK) for name, text in words.lines(found)]
    rows += [("warning", text, MARK) for text in found["warnings"]]
    rows += [(name, text, INK) for name, text in words.rings(found)]
    if found.get("seconds"):
        rows.append(("time", f"{found['seconds']:.1f} s, {found['cpu_seconds']:.1f} s of processor time", INK))
    last = ""
    for name, text, colour in rows:
        wrapped = wrap(text, width, LABEL + 1)
        if height + 20 * (len(wrapped) + 1) > HEIGHT - MARGIN - 24:
            page.text(left, height, "... more in the JSON file beside this page", LABEL, FAINT)
            break
        if name != last:
            height += 5
            page.text(left, height, name, TICK, FAINT)
            height += 17
        for line in wrapped:
            page.text(left, height, line, LABEL + 1, colour)
            height += 20
        height += 5
        last = name


def wrap(text: str, width: float, size: int = LABEL) -> list[str]:
    """`text` in lines no wider than `width` page pixels, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
