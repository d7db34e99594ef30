"""Answers to random worlds, with their scores and the figures behind their verdicts; one JSON line each."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_neuralfield.recon import build_recipe, recommended, reconstruct
from napari_neuralfield.types import Done, Result

from . import pattern_worlds, scan_worlds
from .truth import score
from .worlds import FAULTS, World, random_world, record, spoil

PATTERNS = ("dpc", "neuph")
SCANS = "scans"  # each by the method that is recommended for it


def world_of(seed: int) -> World:
    """Every second world is sound; the others have one of the faults, in turn."""
    world = random_world(seed)
    names = list(FAULTS)
    return spoil(world, names[seed // 2 % len(names)]) if seed % 2 else world


def answer(seed: int, method: str, options: dict[str, object]) -> dict[str, object]:
    """What became of one world.

    Parameters
    ----------
    seed : of the world. method, options : that are to reconstruct it.
    """
    world = world_of(seed)
    line: dict[str, object] = {"seed": seed, "fault": world.fault, "leds": len(world.na), "method": method}
    try:
        acquisition, true = record(world)
        began = time.process_time()
        result = solved(acquisition, method, options)
        line["seconds"] = time.process_time() - began
        axis = np.arange(true.shape[0]) * acquisition.pixel_um / world.upsampling  # as the owner would have it
        pictures = [result.field.render([z], axis, axis)[0].numpy() for z in np.unique(result.field.extent.z_um)]
        found = min((score(true, picture) for picture in pictures), key=lambda s: s.structure)
        line |= {"psnr_db": found.psnr_db, "phase_rad": found.phase_rad, "error": found.structure}
        assert result.verdict is not None
        line |= {"level": result.verdict.level, "sentence": result.verdict.sentence, "figures": result.verdict.figures}
    except Exception:
        line["failed"] = traceback.format_exc()[-600:]
    return line


def pattern_answer(seed: int, method: str, options: dict[str, object]) -> dict[str, object]:
    """What became of one world of LED patterns; arguments as of `answer`. The error is sqrt(1 - likeness^2)."""
    fault = pattern_worlds.FAULTS[seed // 2 % len(pattern_worlds.FAULTS)] if seed % 2 else ""
    line: dict[str, object] = {"seed": seed, "fault": fault, "method": method}
    try:
        acquisition, true, fine = pattern_worlds.recorded(seed, fault)
        began = time.process_time()
        result = solved(acquisition, method, options)
        line["seconds"] = time.process_time() - began
        axis = np.arange(true.shape[0]) * fine * acquisition.pixel_um / (fine * pattern_worlds.UPSAMPLING)
        found = result.field.render([0.0], axis, axis)[0].numpy()
        found = np.angle(found) if np.iscomplexobj(found) else found
        cutoff = acquisition.objective_na / acquisition.wavelength_um
        alike = pattern_worlds.likeness(true, found, fine, (0.15 * cutoff, 1.5 * cutoff))
        assert result.verdict is not None
        line |= {"psnr_db": 0.0, "phase_rad": alike, "error": float(np.sqrt(1 - max(alike, 0.0) ** 2))}
        line |= {"level": result.verdict.level, "sentence": result.verdict.sentence, "figures": result.verdict.figures}
    except Exception:
        line["failed"] = traceback.format_exc()[-600:]
    return line


def scan_answer(seed: int, method: str, options: dict[str, object]) -> dict[str, object]:
    """What became of one scan; arguments as of `answer`, `method` is the recommended one where it is SCANS."""
    names = list(scan_worlds.FAULTS)
    fault = names[seed // 2 % len(names)] if seed % 2 else ""
    line: dict[str, object] = {"seed": seed, "fault": fault, "method": method}
    try:
        acquisition, true = scan_worlds.recorded(seed, fault)
        began = time.process_time()
        name, usual = recommended(acquisition) if method == SCANS else (method, {})
        result = solved(acquisition, name, {**usual, **options})
        line |= {"seconds": time.process_time() - began, "kind": getattr(acquisition, "geometry", "coded")}
        line |= {"psnr_db": 0.0, "phase_rad": 0.0, "error": min(scan_worlds.error(result, true), 1e3)}
        assert result.verdict is not None
        line |= {"level": result.verdict.level, "sentence": result.verdict.sentence, "figures": result.verdict.figures}
    except Exception:
        line["failed"] = traceback.format_exc()[-600:]
    return line


def solved(acquisition: object, method: str, options: dict[str, object]) -> Result:
    """The result of a `method` with `options` on an `acquisition`."""
    for event in reconstruct(acquisition, build_recipe(method, options)):  # type: ignore[arg-type]
        if isinstance(event, Done):
            return event.result
    raise RuntimeError("no result")


def gathered(path: Path, seeds: range, method: str, options: dict[str, object], *, scans: bool = False) -> None:
    """Answers of `seeds` that are not yet in the file `path`, added to it.

    Several processes may add to one file, each with its share of the seeds.

    Parameters
    ----------
    path : of the file, JSON lines. seeds : of the worlds. method, options : as of `answer`. scans : worlds are scans.
    """
    known = {line["seed"] for line in lines(path)}
    for seed in seeds:
        if seed not in known:
            make = scan_answer if scans else pattern_answer if method in PATTERNS else answer
            text = json.dumps(make(seed, method, options))
            with path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")


def lines(*paths: Path) -> Iterator[dict[str, object]]:
    """What the files hold."""
    for path in paths:
        if path.exists():
            yield from (json.loads(text) for text in path.read_text(encoding="utf-8").splitlines())
