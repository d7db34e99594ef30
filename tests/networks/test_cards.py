"""Model cards: those of the package are what is generated; what is wrong with a card, and frames outside of it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from bench import model_cards
from bench.foreign.scoring import interval_of
from defocus_scene import through_focus
from training_scene import led_patterns

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.io.native.weights_file import save_weights
from napari_neuralfield.networks import cards
from napari_neuralfield.networks.pretrained import OURS, load_weights, shipped
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import Done


@pytest.mark.parametrize("name", list(OURS))
def test_the_cards_in_the_package_are_of_its_weights(name: str) -> None:
    weights = shipped(name)
    card, wrong = cards.read(Path(weights.source))
    assert not wrong, wrong
    assert card is not None
    assert card == cards.card_of(weights, card["scores"], card["interval"]), cards.REMEDY
    assert card["scores"]["worlds"] == sum(card["scores"]["lights"].values())


def test_the_page_is_what_the_cards_say() -> None:
    assert model_cards.PAGE.read_text(encoding="utf-8") == model_cards.page(), f"{cards.REMEDY} --page"


@pytest.mark.parametrize("how", ["alone", "polished"])
def test_intervals_come_from_the_card_and_without_one_the_scale_stays_as_told(how: str, copied: Path) -> None:
    weights = load_weights(str(copied), "neuph", shipped("neuph").header["channels"])
    card = json.loads(cards.path_of(copied).read_text(encoding="utf-8"))
    assert cards.widening(weights, how) == cards.Widening(**card["interval"][how])
    cards.path_of(copied).unlink()
    assert cards.widening(weights, how) == cards.Widening(1.0, 0.0)
    assert cards.Widening(2.0, 0.5).times(9.0) == pytest.approx(6.0)
    assert cards.Widening(2.0, 0.5).times(0.2) == 2.0  # explained to the noise is as good as it gets


def test_the_interval_that_is_found_holds_68_percent() -> None:
    """Worlds whose errors are normal, twice as wide as told and wider by the root of the misfit."""
    rng = np.random.default_rng(0)
    worlds = [(np.abs(rng.normal(0, 2 * np.sqrt(m), 4000)), m) for m in (1.0, 2.0, 4.0, 16.0)]
    found = cards.Widening(**interval_of(worlds))
    assert found == cards.Widening(pytest.approx(2.0, rel=0.05), pytest.approx(0.5, abs=0.03))
    held = [np.mean(ratio < found.times(misfit)) for ratio, misfit in worlds]
    assert held == pytest.approx([0.68] * 4, abs=0.04)
    assert interval_of([worlds[0], worlds[0]])["power"] == 0  # misfits alike tell nothing of it


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Weights of the package in a folder, with their card."""
    source = Path(shipped("neuph").source)
    for path in (source, cards.path_of(source)):
        shutil.copy(path, tmp_path)
    return tmp_path / source.name


def test_info_shows_the_card_of_any_weights(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", str(copied)]) == 0
    said = capsys.readouterr().out
    assert "rotation of the arcs, deg" in said
    assert "Where it fails" in said
    assert "Validation by" in said
    cards.path_of(copied).unlink()
    assert cli.main(["info", str(copied), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"] is None


def lit(method: str, acquisition: object, **options: object) -> tuple[str, str]:
    """Level and sentence of the verdict."""
    *_, last = reconstruct(acquisition, build_recipe(method, options))
    assert isinstance(last, Done)
    verdict, optics = last.result.verdict, last.result.optics
    return (verdict.level, verdict.sentence) if verdict else (optics["trust_level"], optics["trust_sentence"])


@pytest.mark.parametrize(
    ("change", "expected"),
    [({"card_version": 0}, "the model card is of version 0, this program reads 1"), ({"sha256": "0"}, "other weights")],
)
def test_a_card_that_is_not_theirs_takes_the_green_light(
    change: dict[str, object], expected: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acquisition = SIMULATORS["multiplexed-cells"](0, pixels=64)[0]
    assert lit("neuph", acquisition, weights=str(copied))[0] == "green"
    place = cards.path_of(copied)
    place.write_text(json.dumps({**json.loads(place.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    level, sentence = lit("neuph", acquisition, weights=str(copied))
    assert level == "amber"
    assert expected in sentence
    assert cli.main(["info", str(copied)]) == 0
    assert expected in capsys.readouterr().out


def test_frames_outside_of_the_card_have_no_green_light(tmp_path: Path) -> None:
    """Arcs turned by 15 degrees under a network that knew one board, and a frame too far out of focus."""
    acquisition = SIMULATORS["multiplexed-cells"](0, pixels=64, arcs_deg=(15.0, 135.0, 255.0))[0]
    weights = shipped("neuph")
    statistics = {**weights.header["statistics"], "arc turn mean": [0.0, 0.0, 0.0]}
    narrow = dataclasses.replace(weights, header={**weights.header, "statistics": statistics})
    save_weights(tmp_path / "W.safetensors", narrow, half=True)
    assert lit("neuph", acquisition)[0] == "green"
    level, sentence = lit("neuph", acquisition, weights=str(tmp_path / "W.safetensors"))
    assert level == "amber"
    assert "the rotation of the arcs is 1" in sentence
    assert "and the card of the weights names 0 to 0 deg" in sentence
    known, _ = through_focus(96, z_um=(0.0, 14.0))
    far, _ = through_focus(96, z_um=(0.0, 20.0))
    assert lit("srqpi", known)[0] == "green"
    level, sentence = lit("srqpi", far)
    assert level == "amber"
    assert "is 20 um out of focus" in sentence


def test_weights_for_other_inputs_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = shipped("neuph")
    header = {**weights.header, "channels": ["left", "right"]}
    save_weights(tmp_path / "W.safetensors", dataclasses.replace(weights, header=header), half=True)
    save_acquisition(tmp_path / "A.acq.h5", led_patterns(48)[0])
    typed = ["reconstruct", str(tmp_path / "A.acq.h5"), "--method", "neuph", "-o", str(tmp_path / "A.nfield")]
    assert cli.main([*typed, "--weights", str(tmp_path / "W.safetensors")]) == 2
    said = capsys.readouterr().err
    assert "the weights are for other inputs (left, right)" in said
    assert said.count("\n") == 1
