"""Other people's packages, broken in every way, built for real: each loses its own place and nothing else."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield import registry
from napari_neuralfield.io import open_draft
from napari_neuralfield.recon.engine.recipe import build, run
from napari_neuralfield.registry import FIELDS, METHODS, READERS, SIMULATORS, Registry
from napari_neuralfield.types import InputError

METHOD = '''
from napari_neuralfield import Progress, Recipe, method

class MineRecipe(Recipe):
    """Options of it."""

@method("{name}", MineRecipe, kinds=("led_array",))
def mine(acquisition, recipe):
    {doc}
    yield Progress(0, 1, 0.5)
    {end}
'''
READER = """
from napari_neuralfield import Draft, reader

@reader("{name}")
class Mine:
    reads = "mine (.mine)"
    patterns = ("*.mine",)

    def supports(self, path):
        {supports}

    def read(self, path):
        {read}
"""
MAIN = "from napari_neuralfield.cli.commands import main; raise SystemExit(main())"
FINE = METHOD.format(name="fine", doc='"""Does fine."""', end="")


def package(folder: Path, name: str, group: str, source: str, more: str = "") -> None:
    """A distribution as pip would leave it: module, metadata and entry points."""
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    about = folder / f"{name}-1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(f"[napari_neuralfield.{group}]\nmine = {name}\n{more}")


def neuralfield(folder: Path, *typed: object) -> subprocess.CompletedProcess[str]:
    """The command line of a fresh process that has the packages of `folder`."""
    paths = [str(folder), str(Path(registry.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from napari_neuralfield.cli.commands import main; raise SystemExit(main())",
            *map(str, typed),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )


BROKEN = {
    "does_not_import": ("methods", FINE + "\nimport there_is_no_such_module", r"ModuleNotFoundError: No module named"),
    "exits": ("methods", FINE + "\nraise SystemExit(3)", r"SystemExit: 3"),
    "takes_a_name": (
        "methods",
        METHOD.format(name="fpm-sequential", doc='"""Is ours."""', end=""),
        r"two entries are called method 'fpm-sequential'; that of napari-neuralfield stays",
    ),
    "says_nothing": ("methods", METHOD.format(name="silent", doc="", end=""), r"mine has no docstring"),
}


def test_faulty_methods_cost_one_line_each(tmp_path: Path) -> None:
    """All at once, a good one among them; standard output stays JSON, the exit status 0."""
    for name, (group, source, _) in BROKEN.items():
        package(tmp_path, name, group, source)
    package(tmp_path, "good", "methods", METHOD.format(name="good", doc='"""Does well."""', end=""))
    done = neuralfield(tmp_path, "methods", "--json")
    assert done.returncode == 0, done.stderr
    names = {entry["name"] for entry in json.loads(done.stdout)}
    assert {"fpm-sequential", "srqpi", "good"} <= names
    assert not {"fine", "silent"} & names
    lines = done.stderr.splitlines()
    assert len(lines) == len(BROKEN)
    for name, (_, _, error) in BROKEN.items():
        (line,) = [line for line in lines if f"{name.replace('_', '-')} 1.2" in line]
        assert line.startswith(
            f"warning: plug-in {name.replace('_', '-')} 1.2 (napari_neuralfield.methods: mine = {name})"
        )
        assert re.search(error, line)


@pytest.fixture
def frames(tmp_path: Path, led_array) -> Path:
    from napari_neuralfield.io import save_acquisition

    save_acquisition(tmp_path / "frames.acq.h5", led_array())
    return tmp_path / "frames.acq.h5"


def test_a_reader_that_cannot_say_what_it_supports(tmp_path: Path, frames: Path) -> None:
    """It comes before ours would be asked for an unknown file, and is left out of that file alone."""
    supports, read = "raise ValueError('no idea')", "return None"
    package(tmp_path, "unsure", "readers", READER.format(name="unsure", supports=supports, read=read))
    (tmp_path / "notes.mine").write_text("text")
    done = neuralfield(tmp_path, "info", tmp_path / "notes.mine")
    assert done.returncode == 2
    first, last = done.stderr.splitlines()
    assert first == "warning: plug-in unsure 1.2 (reader unsure) is left out: ValueError: no idea"
    assert "notes.mine: the format is not known" in last
    done = neuralfield(tmp_path, "info", frames, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["kind"] == "led_array"


def test_a_reader_whose_read_fails_is_named(tmp_path: Path) -> None:
    supports, read = "return path.suffix == '.mine'", "return {}[path]"
    package(tmp_path, "clumsy", "readers", READER.format(name="clumsy", supports=supports, read=read))
    (tmp_path / "notes.mine").write_text("text")
    done = neuralfield(tmp_path, "info", tmp_path / "notes.mine")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "notes.mine: the plug-in clumsy 1.2, which reads this format, failed (KeyError" in line
    assert line.endswith("report it to its authors")


def test_a_method_that_fails_is_named(tmp_path: Path, frames: Path) -> None:
    source = METHOD.format(name="clumsy", doc='"""Falls over."""', end="raise KeyError('left shoe')")
    package(tmp_path, "clumsy", "methods", source)
    done = neuralfield(tmp_path, "reconstruct", frames, "--method", "clumsy", "-o", tmp_path / "o.nfield")
    assert done.returncode == 2
    line = done.stderr.splitlines()[-1]
    assert "method clumsy of the plug-in clumsy 1.2 failed (KeyError: 'left shoe'); report it to its authors" in line


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose packages this process has: the registries look anew, and are as before afterwards."""
    shelves = (METHODS, FIELDS, READERS, SIMULATORS)
    for shelf in shelves:
        list(shelf)
        monkeypatch.setattr(shelf, "_entries", dict(shelf._entries))
        monkeypatch.setattr(shelf, "_origins", dict(shelf._origins))
    monkeypatch.setattr(registry, "_PROBLEMS", [])
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._points.cache_clear()
    modules = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    registry._points.cache_clear()


def again(*registries: Registry) -> None:
    """Look for plug-ins once more."""
    importlib.invalidate_caches()
    registry._points.cache_clear()
    for each in registries:
        each._loaded = False
        list(each)


def test_what_half_a_module_registered_is_taken_out_everywhere(installed: Path) -> None:
    half = "from napari_neuralfield import simulator\n@simulator('half')\ndef half(seed): ...\n" + FINE + "\n1 / 0"
    package(installed, "half", "methods", half)
    again(METHODS)
    assert "fine" not in METHODS
    assert "half" not in SIMULATORS
    (problem,) = registry.problems()
    assert problem == registry.PluginProblem(
        "half 1.2", "napari_neuralfield.methods: mine = half", "ZeroDivisionError: division by zero"
    )
    assert "half" not in sys.modules


def test_a_good_part_of_a_package_survives_a_bad_one(installed: Path) -> None:
    """The bad module imports the good one first."""
    (installed / "lab").mkdir()
    (installed / "lab" / "__init__.py").write_text("")
    (installed / "lab" / "good.py").write_text(
        "from napari_neuralfield import simulator\n@simulator('lab')\ndef lab(seed): ...\n"
    )
    (installed / "lab" / "bad.py").write_text("from . import good\n1 / 0")
    package(installed, "lab_metadata", "methods", "", "")
    points = "[napari_neuralfield.methods]\nbad = lab.bad\n[napari_neuralfield.simulators]\ngood = lab.good\n"
    (installed / "lab_metadata-1.2.dist-info" / "entry_points.txt").write_text(points)
    again(METHODS, SIMULATORS)
    assert "lab" in SIMULATORS
    assert SIMULATORS.package("lab") == "lab-metadata 1.2"
    assert len(registry.problems()) == 1


def test_of_two_packages_the_first_stays_and_both_are_named(installed: Path) -> None:
    for name in ("alpha", "beta"):
        package(installed, name, "methods", METHOD.format(name="fine", doc=f'"""Is of {name}."""', end=""))
    again(METHODS)
    assert METHODS["fine"].summary == "Is of alpha."
    (problem,) = registry.problems()
    assert problem.package == "beta 1.2"
    assert problem.error == "RuntimeError: two entries are called method 'fine'; that of alpha 1.2 stays"


def test_ours_wins_when_it_comes_later() -> None:
    shelf: Registry[object] = Registry("thing", "things", "io.writers")
    try:
        theirs, ours = object(), object()
        shelf.add("thing", theirs, "somebody.module")
        assert shelf.package("thing") == "somebody"
        shelf.add("thing", ours, "napari_neuralfield.simulate.scans")
        assert shelf["thing"] is ours
        assert registry.problems()[-1].package == "somebody"
        with pytest.raises(
            RuntimeError, match=r"two entries are called thing 'thing'; that of napari-neuralfield stays"
        ):
            shelf.add("thing", theirs, "somebody.module")
        with pytest.raises(InputError, match=r"thing 'nothing' is not known; choose one of thing"):
            shelf["nothing"]
    finally:
        registry._ALL.remove(shelf)
        registry._PROBLEMS.pop()


def test_a_warning_is_said_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_PROBLEMS", [])
    for _ in range(2):
        registry.report("lab 1.0", "reader lab", ValueError("no\nidea"))
    assert [record.getMessage() for record in caplog.records] == [
        "plug-in lab 1.0 (reader lab) is left out: ValueError: no idea"
    ]


def test_what_is_read_and_run_in_this_process(installed: Path, led_array) -> None:
    """A reader that returns something else, and a method that complains in words."""
    supports, read = "return path.suffix == '.mine'", "return 3"
    package(installed, "odd", "readers", READER.format(name="odd", supports=supports, read=read))
    end = "from napari_neuralfield import InputError; raise InputError('option z is 3; it must be 4')"
    package(installed, "fussy", "methods", METHOD.format(name="fussy", doc='"""Is fussy."""', end=end))
    again(METHODS, READERS)
    (installed / "a.mine").write_text("x")
    with pytest.raises(InputError, match=r"a.mine: the plug-in odd 1.2, .*it returned int instead of a Draft"):
        open_draft(installed / "a.mine")
    with pytest.raises(InputError, match=r"^option z is 3; it must be 4$"):
        list(run(led_array(), build("fussy")))


def test_asking_for_readers_writers_or_simulators_leaves_torch_alone() -> None:
    code = (
        "import sys; from napari_neuralfield.registry import READERS, SIMULATORS, WRITERS;"
        "print(len(READERS.items()), len(SIMULATORS.items()), list(WRITERS)); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("['.npy', '.tif', '.tiff', '.ome.zarr', '.png']")


# in the window


def test_the_dock_names_a_faulty_plugin_and_everything_else_works(
    installed: Path, make_napari_viewer, qtbot, led_array
) -> None:
    from napari_neuralfield.widgets.reconstruct.dock import ReconstructDock

    package(installed, "does_not_import", "methods", "import there_is_no_such_module")
    again(METHODS)
    dock = ReconstructDock(make_napari_viewer())
    qtbot.addWidget(dock)
    qtbot.waitUntil(lambda: dock.library is not None, timeout=30000)
    assert "plug-in does-not-import 1.2" in dock.form.notes.text()
    dock._session.set_draft(draft_of(led_array()))
    assert dock.form.method_box.count() > 3
    assert dock.form.run_button.isEnabled()


def draft_of(acquisition):
    from napari_neuralfield.data.acquisition import Draft

    return Draft(acquisition.kind, np.asarray(acquisition.frames), acquisition.values(), "a.acq.h5")


def test_the_dock_says_that_nothing_can_be_loaded(make_napari_viewer, qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_neuralfield.widgets.reconstruct import dock as module

    def broken() -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(module, "load_library", broken)
    monkeypatch.setattr(module, "show_error", lambda text: None)
    dock = module.ReconstructDock(make_napari_viewer())
    qtbot.addWidget(dock)
    qtbot.waitUntil(lambda: "the disk is gone" in dock.form.error.text(), timeout=10000)
    assert dock.form.state.text() == "The methods could not be loaded; nothing can be reconstructed."


def test_napari_offers_a_reader_of_a_plugin(installed: Path, qapp) -> None:
    import npe2

    from napari_neuralfield.widgets.kit.docks import OFFERED, offer_readers

    supports = "return path.suffix == '.mine'"
    read = "import numpy; return Draft('through_focus', numpy.ones((3, 8, 8)), {'title': 'ours'}, str(path))"
    package(installed, "lab", "readers", READER.format(name="lab", supports=supports, read=read))
    again(READERS)
    path = installed / "a.mine"
    path.write_text("x")
    manager = npe2.PluginManager.instance()
    assert not list(manager.iter_compatible_readers([str(path)]))
    offer_readers()
    offer_readers()  # again changes nothing
    try:
        layers, used = npe2.io_utils.read_get_reader([str(path)], plugin_name=OFFERED, stack=False)
        assert used.plugin_name == OFFERED
        assert np.asarray(layers[0][0]).shape == (3, 8, 8)
    finally:
        manager.unregister(OFFERED)
