"""`neuralfield import`: frames of any known format, what is missing asked for, an acquisition file and a sidecar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..app import arguments
from ..app.arguments import flag_of
from ..app.frame_table import as_lines
from ..app.importing import questions
from ..app.importing.questions import Question
from ..app.importing.recording import LEDS, Import, as_yaml, begin
from ..data.acquisition import KINDS, Draft, quantities
from ..data.derived import DERIVING
from ..data.names.name_order import signed_numbers
from ..io import save_acquisition
from ..io.native import links
from ..io.native.atomic import write_or_keep
from ..io.sidecar import finding
from ..io.sidecar.told_by_names import DEPTH_WORD
from ..optics.led_orders import CORNERS, GRID_ORDERS, SIDES
from ..types import InputError
from . import report
from .terminal import Interrupted

ENDINGS = (".acq.h5",)
SHAPES = ("grid", "rings", "table", "uconn")  # of LED boards
BROKEN_OFF = "broken off; nothing was written"
GRID_FLAGS = "--rows, --columns, --pitch-mm, --height-mm and --order (or --leds BOARD.csv)"


def run(
    files: Sequence[Path],
    output: Path,
    kind: str | None,
    typed: Mapping[str, str | None],
    *,
    overwrite: bool = False,
) -> None:
    """Ask for what is missing, show what goes with which frame, write acquisition and sidecar.

    Parameters
    ----------
    files : one recording, or its frames in their order.
    output : the acquisition to write, `*.acq.h5`.
    kind : as typed; None where not.
    typed : options, by name.
    overwrite : whether outputs may replace older ones.

    Raises
    ------
    InputError : for a value that breaks its rule, and, without a terminal, for what is missing.
    Interrupted : where the answers end; nothing is written then.
    """
    inputs = [arguments.existing(file) for file in files]
    target = arguments.output(output, ENDINGS, overwrite=overwrite, inputs=inputs)
    options = {name.replace("-", "_"): text for name, text in typed.items() if text is not None}
    task = begin(files)
    asking = sys.stdin is not None and sys.stdin.isatty()
    with links.following():
        try:
            _settle(task, kind, options, asking)
        except (EOFError, KeyboardInterrupt):
            raise Interrupted(BROKEN_OFF) from None
        _write(task, target)


def _settle(task: Import, kind: str | None, options: Mapping[str, str], asking: bool) -> None:
    """Take what was typed, and in a terminal ask for the rest and whether it is right."""
    _take_kind(task, kind, asking)
    _take_options(task, options)
    if asking:
        print(_what_it_is(task))
        _ask_for_all(task)
    else:
        _refuse_missing(task)
    _show(task)
    while asking and not _is_right(task):
        _show(task)


def _take_kind(task: Import, kind: str | None, asking: bool) -> None:
    """The kind typed, or of the file or its sidecar, or asked for."""
    if kind is not None:
        if kind not in KINDS:
            raise InputError(f"option --kind is {kind}; it must be one of {', '.join(KINDS)}")
        task.values["kind"] = kind
        return
    try:
        task.draft()
    except finding.KindMissing as error:
        if not asking:
            raise InputError(
                f"{task.recording}: what the frames show is not known; give --kind as one of {', '.join(KINDS)}"
            ) from error
        print(f"{task.recording}: what the frames show is not known")
        asked = Question("kind", "kind of recording", "", ", ".join(KINDS))
        while (answer := _ask(asked)) not in KINDS:
            print(f"{answer!r} is not one of {', '.join(KINDS)}")
        task.values["kind"] = answer


def _take_options(task: Import, options: Mapping[str, str]) -> None:
    kind = task.draft().kind
    known = questions.known_options(kind)
    unknown = [name for name in options if name not in known]
    if unknown:
        raise InputError(
            f"option {flag_of(unknown[0])} is not known for kind {kind}; known are {', '.join(map(flag_of, known))}"
        )
    board = {name: text for name, text in options.items() if name in questions.BOARD}
    folder = task.sidecar.parent
    if board:
        task.put("leds", questions.board(board, folder))
    for name, text in options.items():
        if name not in board:
            task.put(name, questions.value(name, text, kind, folder))


def _refuse_missing(task: Import) -> None:
    draft = task.draft()
    missing = draft.missing()
    if missing:
        flags = ", ".join(GRID_FLAGS if name in LEDS else flag_of(name) for name in missing)
        raise InputError(
            f"{task.recording}: {', '.join(missing)} {'are' if missing[1:] else 'is'} not known, and there is no "
            f"terminal to ask in; give {flags}"
        )


def _what_it_is(task: Import) -> str:
    """What file and sidecar say."""
    with finding.unwritten(task.sidecar, task.values):
        found = report.acquisition(task.recording)
    lines = report.acquisition_as_text(found).splitlines()
    asked = "asked for now: " if found["missing"] else "nothing is missing"
    names = ", ".join(m["name"] for m in found["missing"])
    aside = ("missing", "good", "warning", f"note: {finding.VALUES_FROM}")
    shown = [line for line in lines if not line.startswith(aside)]
    return "\n".join([*shown, f"{asked}{names}"])


def _ask_for_all(task: Import) -> None:
    while missing := task.draft().missing():
        _ask_for(task, missing[0])


def _ask_for(task: Import, name: str) -> None:
    """Ask until the answer is a good one."""
    while True:
        draft = task.draft()
        try:
            if name in LEDS:
                answers = ask_board(_ask)
                task.put("leds", questions.board(answers, task.sidecar.parent))
            else:
                asked = _in_other_words(name, draft)
                text = _ask(questions.question(asked, draft.kind, _default(asked, draft)))
                task.put(asked, questions.value(asked, text, draft.kind, task.sidecar.parent))
            return
        except InputError as error:
            print(error)


def _in_other_words(name: str, draft: Draft) -> str:
    """Depths whose step the file knows only need the frame in focus."""
    return "focus_frame" if name == "z_um" and draft.values.get("z_step_um") is not None else name


def _default(name: str, draft: Draft) -> str:
    """What the names of the files say of a depth, without a unit, is offered."""
    numbers = signed_numbers(draft.frame_names, DEPTH_WORD) if name == "z_um" else None
    return ", ".join(f"{number:g}" for number in numbers) if numbers else ""


def _ask(asked: Question) -> str:
    """What was typed; asked again until it is something."""
    while True:
        answer = input(str(asked)).strip() or asked.default
        if answer:
            return answer
        print("please give a value; Ctrl-C breaks off")


def _show(task: Import) -> None:
    """Which value goes with which frame, and the warnings."""
    with finding.unwritten(task.sidecar, task.values):
        found = report.acquisition(task.recording)
    print(*as_lines(found["frames_table"]), sep="\n")
    for note in found["notes"]:
        if not note.startswith(finding.VALUES_FROM):
            print(f"note: {note}")
    for check in found["checks"]:
        if check["level"] == "warning":
            print(f"warning: {check['text']}")


def _is_right(task: Import) -> bool:
    """Whether the user agrees; otherwise one value is asked for again."""
    answer = _ask(Question("right", "is that right?", "", "yes, or the name of a value to change", "yes"))
    if answer.lower() in ("y", "yes"):
        return True
    draft = task.draft()
    known = (*quantities(draft.kind), *DERIVING.get(draft.kind, ()), "leds")
    if answer not in known:
        print(f"{answer!r} is not one of {', '.join(known)}")
        return False
    name = next((n for n in LEDS if n in known), answer) if answer == "leds" else answer
    _ask_for(task, name)
    return False


def _write(task: Import, target: Path) -> None:
    """Both files; a sidecar that was there stays as it is."""
    acquisition = task.draft().complete()
    write_or_keep(target, lambda path: save_acquisition(path, acquisition), "acquisition")
    print(f"{acquisition.frame_count} frames of kind {acquisition.kind} are in {target}")
    new = task.unsaid()
    text = as_yaml(new)
    if not task.there:
        task.write_sidecar()
        outside = ", ".join(path.name for path in links.typed_outside(task.sidecar.parent))
        how = f"with {links.SWITCH}, as {outside} lies outside of its folder" if outside else "by itself"
        print(f"what was said is in {task.sidecar}, so {task.recording} opens {how}")
    elif new:
        print(f"{task.sidecar} was there before and stays as it is; it lacks, or says otherwise:\n{text}", end="")


def ask_board(ask: Callable[[Question], str]) -> dict[str, str]:
    """The answers about an LED board, by the names of BOARD; `ask` returns what was typed."""
    shape = ask(Question("shape", "LED board", "", "grid, rings, uconn, or table for a file of positions"))
    while shape not in SHAPES:
        print(f"{shape!r} is not one of {', '.join(SHAPES)}")
        shape = ask(Question("shape", "LED board", "", ", ".join(SHAPES)))
    if shape == "uconn":
        return {"leds": "uconn"}
    names = {"grid": list(questions.GRID), "rings": ["counts", "radii_mm", "start_deg", "sense"], "table": ["leds"]}[
        shape
    ]
    found: dict[str, str] = {}
    for name in [*names, "height_mm", "rotation_deg"]:
        asked = questions.BOARD[name][1]
        if name == "start":
            order = found["order"]
            if order not in GRID_ORDERS:
                continue
            starts = SIDES if order == "spiral" else CORNERS
            what = "first step from the middle" if order == "spiral" else "corner where it begins"
            asked = Question(name, what, "", " or ".join(starts), starts[0])
        if name == "sense" and shape == "grid" and not found["order"].startswith("spiral"):
            continue
        text = _asked_until_good(ask, asked)
        if text != questions.NONE and not (
            name in ("start", "sense", "rotation_deg", "start_deg") and text == asked.default
        ):
            found[name] = text
    return found


def _asked_until_good(ask: Callable[[Question], str], asked: Question) -> str:
    while True:
        text = ask(asked)
        try:
            if text != questions.NONE:
                questions.board_value(asked.name, text, Path())
            return text
        except InputError as error:
            print(error)
