"""What the pages say runs: every Python block as printed, and every command line is understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.app.importing.questions import known_options
from napari_neuralfield.cli.commands import OWN, app
from napari_neuralfield.cli.free_options import joined
from napari_neuralfield.io import save_acquisition, save_result
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.engine.recipe import build, options_of, run
from napari_neuralfield.registry import METHODS, NETWORKS, Registry
from napari_neuralfield.types import Done

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples" / "plugin" / "README.md"]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCED.findall(page.read_text(encoding="utf-8")) if name == language]


@pytest.fixture
def prepared(tmp_path: Path, led_array, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A folder with a small `slide.acq.h5` and `slide.nfield`, and the names that the pages take as given."""
    monkeypatch.chdir(tmp_path)
    for registry in vars(__import__("napari_neuralfield.registry", fromlist=["_"])).values():
        if isinstance(registry, Registry):  # what a page registers is gone afterwards
            list(registry)
            monkeypatch.setattr(registry, "_entries", dict(registry._entries))
            monkeypatch.setattr(registry, "_origins", dict(registry._origins))
    acquisition = led_array()
    save_acquisition("slide.acq.h5", acquisition)
    events = list(run(acquisition, build("fpm-sequential", {"z_um": (-12, 12), "planes": 3})))
    assert isinstance(events[-1], Done)
    save_result("slide.nfield", events[-1].result)
    return {"frames": np.asarray(acquisition.frames), "directions": np.asarray(acquisition.illumination_na)}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_blocks_run(page: Path, prepared: dict[str, object]) -> None:
    for number, text in enumerate(blocks(page, "python"), start=1):
        exec(compile(text, f"{page.name}, block {number}", "exec"), prepared)


def commands(page: Path) -> list[str]:
    """Lines of shell blocks that call neuralfield, without their remarks, whole."""
    text = "\n".join(blocks(page, "") + blocks(page, "sh")).replace("\\\n", " ")
    lines = [re.sub(r"\s+#.*", "", line).strip().removeprefix("$ ") for line in text.splitlines()]
    return [line.removeprefix(".venv/bin/") for line in lines if re.match(r"(\.venv/bin/)?neuralfield \w", line)]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_command_lines_are_understood(page: Path) -> None:
    recipes = [METHODS[name].recipe for name in METHODS] + [NETWORKS[name].recipe for name in NETWORKS]
    free = {option.name for recipe in [*recipes, CalibrationRecipe] for option in options_of(recipe)}
    free |= {*known_options()}
    for line in commands(page):
        tokens = shlex.split(line)[1:]
        call, bound, _ = app.parse_args(joined(tokens, OWN), print_error=False, exit_on_error=False)
        assert call is not None, line
        unknown = {name.replace("-", "_") for name in bound.arguments.get("options", {})} - free
        assert not unknown, f"{page.name}: {line}: unknown options {unknown}"
