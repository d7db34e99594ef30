"""What became of every recording as one page for a browser, with everything inside. Failures come first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from ...io.native.atomic import writing
from .record import Row
from .table import WORST_FIRST, sorted_rows, standing

PAGE = "table.html"
NO_VERDICT = "no verdict"
LEADING = "relative_amplitude_error"
TEMPLATE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
:root { color-scheme: light dark; --back: #fff; --ink: #1c1f24; --faint: #5d6570; --line: #d9dde3;
  --failed: #6b2fa0; --red: #b3261e; --amber: #8a5a00; --green: #1b6e35; }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --ink: #e8eaed; --faint: #9aa3ae; --line: #333a43;
  --failed: #c9a0f0; --red: #ff8a80; --amber: #f5bf5b; --green: #7ad696; } }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; background: var(--back); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } p { margin: .3rem 0; }
.faint, th { color: var(--faint); } .faint { font-size: .85rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
th { text-align: left; font-weight: 500; } th:nth-last-child(-n+2) { text-align: right; }
th, td { padding: .5rem .7rem; border-top: 1px solid var(--line);
  vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
img { display: block; height: 96px; border-radius: 3px; }
.mark { font-weight: 600; white-space: nowrap; } .mark::before { content: "\\25CF  "; }
$colours
summary { cursor: pointer; color: var(--faint); }
dl { display: grid; grid-template-columns: max-content auto; gap: 0 1rem; margin: .3rem 0; } dd { margin: 0; }
</style>
<h1>$title</h1>
<p>$counts</p>
<p class="faint">$about</p>
<table>
<tr><th>amplitude, phase<th>recording<th>what came of it<th>amplitude error<th>seconds</tr>
$rows
</table>
</html>
""")


def write_page(folder: Path, rows: Sequence[Row], about: str) -> None:
    """Write the page of a `folder`, whole or not at all.

    Parameters
    ----------
    folder : of the results.
    rows : in any order.
    about : the recipe, a line.

    Raises
    ------
    InputError : where it cannot be written.
    """
    rows = sorted_rows(rows)
    found = Counter(standing(row) for row in rows)
    counts = ", ".join(_mark(level, f"{found[level]} {level or NO_VERDICT}") for level in WORST_FIRST if found[level])
    text = TEMPLATE.substitute(
        title=escape(f"{len(rows)} recordings in {folder.resolve().name}"),
        colours="\n".join(f".{level} {{ color: var(--{level}); }}" for level in WORST_FIRST if level),
        counts=counts,
        about=escape(about),
        rows="\n".join(map(_row, rows)),
    )
    with writing(folder / PAGE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _row(row: Row) -> str:
    picture = (
        f'<img alt="{escape(row.name)}" src="data:image/jpeg;base64,{escape(row.picture)}">' if row.picture else ""
    )
    error = row.figures.get(LEADING)
    what = f"{escape(row.kind)}, {row.frames} frames, {escape(row.method)}" if row.kind else ""
    return (
        f"<tr><td>{picture}<td><b>{escape(row.name)}</b><div class=faint>{escape(row.source)}</div>"
        f"<div class=faint>{what}</div><td>{_mark(standing(row), standing(row) or NO_VERDICT)} "
        f"{escape(row.problem or row.sentence)}{_more(row)}"
        f"<td class=number>{'' if error is None else f'{error:.4f}'}<td class=number>{row.seconds:.1f}</tr>"
    )


def _mark(level: str, text: str) -> str:
    return f'<span class="mark {level or "faint"}">{escape(text)}</span>'


def _more(row: Row) -> str:
    figures = "".join(
        f"<dt>{escape(name.replace('_', ' '))}<dd>{value:.4g}"
        for name, value in sorted(row.figures.items())
        if name != LEADING
    )
    notes = "".join(f"<p>{escape(note)}</p>" for note in row.notes)
    if not (figures or notes):
        return ""
    return f"<details><summary>figures and notes</summary><dl>{figures}</dl>{notes}</details>"
