"""The house of the design: arrows run one way, files stay short, importing stays cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SRC = Path(__file__).parents[1] / "src" / "napari_neuralfield"
FILES = sorted(SRC.rglob("*.py"))

# Each room may use the rooms named here, and itself.
BASE = {"types", "registry", "compute"}
MAY_USE = {
    "types": set(),
    "registry": {"types"},
    "compute": {"types"},
    "optics": BASE,
    "data": BASE | {"optics"},
    "networks": BASE | {"optics", "data"},
    "fields": BASE | {"optics", "data", "networks"},
    "forward": BASE | {"optics", "data"},
    "recon": BASE | {"optics", "data", "networks", "fields", "forward"},
    "io": BASE | {"optics", "data", "networks", "fields", "forward"},
    "app": BASE | {"optics", "data", "networks", "fields", "forward", "recon", "io"},
    "widgets": BASE | {"optics", "data", "networks", "fields", "forward", "recon", "io", "app"},
}
ENTRANCES = {"__init__", "__main__"}  # of the package itself: they only pass on
WINDOW = {"napari", "magicgui", "qtpy", "superqt", "pyqtgraph", "PyQt6", "PyQt5", "PySide6"}


def room(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Full dotted names imported anywhere in a file, inside functions too, with their lines."""
    package = ("napari_neuralfield", *path.relative_to(SRC).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            start = ".".join(part for part in (base, node.module) if part)
            yield from ((f"{start}.{alias.name}", node.lineno) for alias in node.names)


def test_arrows_run_one_way() -> None:
    wrong = []
    for path in FILES:
        here = room(path)
        for name, line in imports(path):
            parts = name.split(".")
            if parts[0] == "napari_neuralfield" and len(parts) > 1 and here not in ENTRANCES:
                there = parts[1]
                if there != here and there not in MAY_USE[here] and there != "__version__":
                    wrong.append(f"{path.relative_to(SRC)}:{line} {here} -> {there}")
            if parts[0] in WINDOW and here != "widgets":
                wrong.append(f"{path.relative_to(SRC)}:{line} {here} -> {parts[0]}")
    assert not wrong, "arrows that run back:\n" + "\n".join(wrong)


def test_the_walk_sees_an_arrow_that_runs_back(tmp_path: Path) -> None:
    """The check above can fail: relative, absolute and hidden imports are all seen."""
    assert ("napari_neuralfield.types.InputError" in dict(imports(SRC / "registry.py"))) is True
    inside = {name for name, _ in imports(SRC / "recon" / "recipe.py")}
    assert {"napari_neuralfield.registry.METHODS", "pydantic"} <= inside
    assert "recon" not in MAY_USE["io"]
    assert "io" not in MAY_USE["recon"]
    assert "fields" not in MAY_USE["forward"]
    assert "forward" not in MAY_USE["fields"]


def test_every_room_is_on_the_plan() -> None:
    assert {room(path) for path in FILES} <= set(MAY_USE) | ENTRANCES


def test_importing_loads_neither_torch_nor_a_window() -> None:
    code = (
        "import sys, time; start = time.perf_counter(); import napari_neuralfield;"
        "print(f'import napari_neuralfield: {time.perf_counter() - start:.3f} s');"
        "loaded = {'torch', 'napari', 'qtpy', 'PyQt6', 'magicgui'} & set(sys.modules);"
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
