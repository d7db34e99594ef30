"""The house of the design: arrows run one way, folders and files stay small, importing stays cheap."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "napari_neuralfield"
FILES = sorted(SRC.rglob("*.py"))
PACKAGE = SRC.name

# Each room may use itself and the rooms named here.
DATA = ("data", "data/names")
CHECKS = ("checks", "checks/seen")
BASE = {"types", "registry", "memory", "compute"}
MODELS = BASE | {"optics", *DATA, "forward", "networks", "fields", "fields/kept"}
SOLVING = MODELS | {*CHECKS, "recon/engine"}
FILED = BASE | {"optics", *DATA, "networks", "fields", "fields/kept", *CHECKS}
RECON = {"recon", "recon/verdict"} | {
    f"recon/{name}"
    for name in (
        "engine",
        "projection",
        "calibration",
        "calibration/wide",
        "refine",
        "fpm",
        "scan",
        "coded",
        "residual",
        "patterns",
        "focus",
        "focus/transport",
        "training",
    )
}
IO = {"io", "io/native", "io/results", "io/sidecar", "io/described", "io/readers", "io/writers"}
APP = MODELS | {*CHECKS, "simulate", "simulate/scenes"} | RECON | IO
WIDGETS = APP | {
    "app",
    "app/figures",
    "app/importing",
    "app/serving",
    "app/wide",
    "widgets/jobs",
    "widgets/kit",
    "widgets/view",
    "widgets/volume",
}
MAY_USE = {
    "types": set(),
    "registry": {"types"},
    "memory": set(),
    "compute": {"types", "memory"},
    "optics": BASE,
    "data/names": BASE,
    "data": BASE | {"optics", "data/names"},
    "checks/seen": BASE | {"optics", *DATA},
    "checks": BASE | {"optics", *DATA, "checks/seen"},
    "simulate/scenes": BASE,
    "simulate": BASE | {"optics", *DATA, "simulate/scenes"},
    "networks": BASE | {"optics", *DATA},
    "fields/kept": BASE,
    "fields": BASE | {"optics", *DATA, "networks", "fields/kept"},
    "forward": BASE | {"optics", *DATA},
    "recon/engine": MODELS | {*CHECKS},
    "recon/projection": SOLVING,
    "recon/calibration": SOLVING | {"recon/projection"},
    "recon/calibration/wide": SOLVING | {"recon/calibration"},
    "recon/refine": SOLVING | {"recon/calibration"},
    "recon/fpm": SOLVING | {"recon/projection", "recon/calibration", "recon/refine", "recon/verdict"},
    "recon/scan": SOLVING,
    "recon/coded": SOLVING | {"recon/scan"},
    "recon/patterns": SOLVING | {"recon/projection"},
    "recon/residual": SOLVING | {"recon/projection", "recon/scan", "recon/coded", "recon/patterns"},
    "recon/focus/transport": SOLVING,
    "recon/focus": SOLVING | {"recon/focus/transport"},
    "recon/training": SOLVING | {"simulate", "simulate/scenes", "recon/patterns", "recon/focus"},
    "recon/verdict": SOLVING | {"recon/projection", "recon/calibration", "recon/patterns", "recon/scan"},
    "recon": SOLVING | RECON,
    "io/native": FILED,
    "io/results": FILED | {"io/native"},
    "io/sidecar": FILED | {"io/native"},
    "io/described": FILED | {"io/native", "io/sidecar"},
    "io/readers": FILED | {"io/native", "io/sidecar", "io/described"},
    "io/writers": FILED | {"io/native", "io/described", "io/readers"},
    "io": FILED | IO,
    "app/figures": APP,
    "app": APP | {"app/figures"},
    "app/importing": APP | {"app"},
    "app/serving": APP | {"app"},
    "app/wide": APP | {"app"},
    "app/batch": APP | {"app", "app/wide"},
    "app/stitching": APP | {"app", "app/wide", "app/batch"},
    "app/models": APP | {"app"},
    "cli/ends": {"types", "memory"},
    "cli": APP
    | {
        "app",
        *(f"app/{room}" for room in ("figures", "importing", "serving", "wide", "batch", "stitching", "models")),
        "cli/ends",
    },
    "testing": APP,
    "widgets/kit": APP,
    "widgets/view": APP | {"app", "app/figures", "widgets/kit"},
    "widgets/jobs": APP | {"app", "app/figures", "widgets/kit", "widgets/view"},
    "widgets/volume": APP | {"app", "app/figures", "widgets/kit", "widgets/view"},
    "widgets/calibration": WIDGETS,
    "widgets/importing": WIDGETS,
    "widgets/acquisition": WIDGETS | {"widgets/calibration", "widgets/importing"},
    "widgets/reconstruct": WIDGETS,
    "widgets/depth": WIDGETS,
    "widgets/train": WIDGETS,
    "widgets/doors/manifest": set(),
    "widgets/doors": WIDGETS,
    "widgets": WIDGETS | {"widgets/doors", "widgets/importing"},
}
ENTRANCES = {"__init__", "__main__"}  # of the package itself: they only pass on
WINDOW = {"napari", "npe2", "magicgui", "qtpy", "superqt", "pyqtgraph", "PyQt6", "PyQt5", "PySide6"}


def room(path: Path) -> str:
    """The folder of a file inside the package, or its own name where it lies in none."""
    inside = path.relative_to(SRC)
    return "/".join(inside.parent.parts) or inside.stem


def names(text: str, package: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    """Full dotted names imported anywhere in a text, inside functions too, with their lines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            start = ".".join(part for part in (base, node.module) if part)
            yield from ((f"{start}.{alias.name}", node.lineno) for alias in node.names)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    return names(path.read_text(encoding="utf-8"), (PACKAGE, *path.relative_to(SRC).parent.parts))


def module(path: Path) -> str:
    parts = (PACKAGE, *path.relative_to(SRC).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module(path): path for path in FILES}


def target(name: str) -> Path | None:
    """The file that an imported name lies in: a module of the package, or the one that defines the name."""
    return MODULES.get(name) or MODULES.get(name.rpartition(".")[0])


def arrows_back(files: Iterable[Path]) -> list[str]:
    """Imports from a room that the importing one may not use, and of a window outside `widgets`."""
    wrong = []
    for path in files:
        here = room(path)
        for name, line in imports(path):
            there = target(name)
            allowed = here in ENTRANCES or there is None or name == f"{PACKAGE}.__version__"
            if not allowed and room(there) != here and room(there) not in MAY_USE[here]:
                wrong.append(f"{path.relative_to(SRC)}:{line} {here} -> {room(there)}")
            if name.split(".")[0] in WINDOW and here.split("/")[0] != "widgets":
                wrong.append(f"{path.relative_to(SRC)}:{line} {here} -> {name.split('.')[0]}")
    return wrong


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules that import one another in a circle, [] where there is none."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(reversed(error.args[1]))
    return []


def graph() -> dict[str, set[str]]:
    """Module -> modules of the package that it imports."""
    found: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        there = {target(imported) for imported, _ in imports(path)}
        found[name] = {module(other) for other in there if other is not None and other != path}
    return found


def test_arrows_run_one_way() -> None:
    wrong = arrows_back(FILES)
    assert not wrong, "arrows that run back:\n" + "\n".join(wrong)


def test_no_circle_between_modules() -> None:
    found = circle(graph())
    assert not found, "modules import one another in a circle:\n" + " ->\n".join(found)


def test_the_plan_itself_has_no_circle() -> None:
    assert not circle({here: there - {here} for here, there in MAY_USE.items()})


@pytest.mark.parametrize(
    ("home", "line", "what"),
    [
        ("forward", "from ..fields import planes", "forward -> fields"),
        ("recon/scan", "def late():\n    from ..fpm.sequential import sequential", "recon/scan -> recon/fpm"),
        ("io/native", "from napari_neuralfield.io.readers import tiff", "io/native -> io/readers"),
        ("app", "import napari", "app -> napari"),
    ],
)
def test_a_planted_arrow_back_is_seen(home: str, line: str, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative, absolute and hidden imports alike."""
    planted = SRC / home / "planted.py"
    monkeypatch.setattr(Path, "read_text", lambda self, encoding="": line)
    assert [wrong.split(" ", 1)[1] for wrong in arrows_back([planted])] == [what]


def test_a_planted_circle_is_seen() -> None:
    """Of two modules in one folder too."""
    planted = graph()
    planted[f"{PACKAGE}.recon.engine.losses"].add(f"{PACKAGE}.recon.fpm.fpm_inr")
    planted[f"{PACKAGE}.recon.fpm.fpm_inr"].add(f"{PACKAGE}.recon.engine.losses")
    assert {f"{PACKAGE}.recon.engine.losses", f"{PACKAGE}.recon.fpm.fpm_inr"} <= set(circle(planted))


def test_every_room_is_on_the_plan() -> None:
    assert {room(path) for path in FILES} <= set(MAY_USE) | ENTRANCES


def test_no_folder_is_a_maze() -> None:
    crowded = {}
    for path in FILES:
        crowded.setdefault(room(path), []).append(path)
    large = {name: len(paths) for name, paths in crowded.items() if len(paths) > 20}
    assert not large, f"more than 20 Python files in a folder: {large}"


def test_importing_loads_neither_torch_nor_a_window() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import napari_neuralfield;"
        "print(f'import napari_neuralfield: {time.perf_counter() - start:.3f} s');"
        "loaded = {'torch', 'napari', 'qtpy', 'PyQt6', 'magicgui', 'matplotlib'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(loaded)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    print(run.stdout)
    assert run.returncode == 0, run.stderr


def test_only_grids_shifts_spectra() -> None:
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else node.name if isinstance(node, ast.alias) else ""
            if name in ("fftshift", "ifftshift") and path != SRC / "optics" / "grids.py":
                wrong.append(f"{path.relative_to(SRC)}:{node.lineno}")
    assert not wrong, f"use optics.grids instead of fftshift in {', '.join(wrong)}"


def test_files_are_chapters() -> None:
    lengths = {str(path.relative_to(SRC)): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    long = {name: n for name, n in lengths.items() if n > 350}
    assert not long, f"longer than 350 lines: {long}"


def test_no_two_classes_of_one_name() -> None:
    """Whoever reads `Step` knows which one is meant."""
    homes: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(str(path.relative_to(SRC)))
    double = {name: paths for name, paths in homes.items() if len(paths) > 1}
    assert not double, f"classes of one name: {double}"


def explained(path: Path) -> Iterator[tuple[str, bool]]:
    """Public functions with two or more parameters of a file, and whether their docstrings name every one."""

    def visit(body: list[ast.stmt]) -> Iterator[tuple[str, bool]]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from visit(node.body)
            elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                parameters = [a.arg for a in every if a.arg not in ("self", "cls")]
                if len(parameters) > 1:
                    words = set(re.findall(r"\w+", ast.get_docstring(node) or ""))
                    yield f"{path.relative_to(SRC)}:{node.lineno} {node.name}", set(parameters) <= words

    return visit(ast.parse(path.read_text(encoding="utf-8")).body)


def test_docstrings_explain_every_parameter() -> None:
    found = dict(pair for path in FILES for pair in explained(path))
    silent = [name for name, good in found.items() if not good]
    share = 1 - len(silent) / len(found)
    assert share >= 0.9, f"{share:.0%} of {len(found)} public functions explain every parameter; these do not: {silent}"


def test_types_are_named() -> None:
    """`Any` says nothing to a reader: six words of it in 1,000 lines at most."""
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    words = sum(isinstance(n, ast.Name) and n.id == "Any" for text in texts for n in ast.walk(ast.parse(text)))
    assert 1000 * words / sum(text.count("\n") for text in texts) <= 6


def test_long_calls_name_their_arguments() -> None:
    """Six values in a row are one swap from wrong."""
    long = [
        f"{path.relative_to(SRC)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and sum(not isinstance(a, ast.Starred) for a in node.args) > 5
    ]
    assert not long, f"calls with more than five positional arguments: {', '.join(long)}"
