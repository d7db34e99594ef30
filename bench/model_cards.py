"""Model cards of the networks in the package: `python -m bench.model_cards [NETWORK ...] [--each 3]`

Each network is validated on foreign samples under foreign microscopes; its card, NAME.card.json beside its weights, is
written anew, and docs/models.md with all of them. Before that, on other foreign worlds, it is found what makes the
scale that the network tells an interval that holds 68 % of its errors; `--keep-interval` keeps what the card says.
`--page` only writes the page.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from napari_neuralfield.networks import cards
from napari_neuralfield.networks.pretrained import OURS, SHIPPED, shipped
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.types import LEVELS, Done, Result

from .foreign import focus_worlds, pattern_worlds
from .foreign.scoring import interval_of, light_of, ratios, within_of
from .foreign.shapes import VALIDATION, Draw

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "src" / "napari_neuralfield" / "networks" / SHIPPED
PAGE = ROOT / "docs" / "models.md"
EACH = 3  # worlds of each kind
CHOOSING = 20_000  # seed of the worlds on which intervals are found
INTERVAL_EACH = {"neuph": 3, "srqpi": 20, "srcnn": 3}  # of them of each kind
POLISHED = "neuph", "srqpi"
SEEDS = {"neuph": 31_000, "srqpi": 32_000, "srcnn": 32_000}  # where no choice was made
WRONG = 0.5  # SSIM below which an answer is wrong
FIGURES = "psnr_db", "ssim", "rmse_rad"
OPENING = """# Model cards

The networks that come with the package: what they learned from, where they hold, where they fail. Made by `python -m
bench.model_cards` of the weights' headers and of a validation run: samples that no training knows
(`bench/foreign/shapes.py`, its validation set) under microscopes with errors, the network alone, without polish. PSNR
is over each truth's range, the mean of the phase removed. `neuralfield info WEIGHTS.safetensors` shows the card of any
weights; frames outside of what it names, and weights whose card is of another version or of other weights, never have a
green light.

"""


def answered(network: str, draw: Draw, seed: int, how: str) -> tuple[Result, dict[str, float], np.ndarray | None]:
    """The answer to a world of `draw` and `seed`, its scores, and its `ratios`; None where it tells no scale.

    `how` it comes: 'alone', or 'polished'.
    """
    recipe = build_recipe(network, {"polish": True} if how == "polished" else {})
    if network == "neuph":
        patterns, phase = pattern_worlds.world(draw, seed)
        *_, last = reconstruct(patterns, recipe)
        assert isinstance(last, Done)
        row, found = pattern_worlds.scores(last.result, patterns, phase), pattern_worlds.found_by(last.result, patterns)
        border, finer = pattern_worlds.BORDER, pattern_worlds.UPSAMPLING
    else:
        stack, phase = focus_worlds.world(draw, seed, 1)
        *_, last = reconstruct(stack, recipe)
        assert isinstance(last, Done)
        row, found = focus_worlds.scores(last.result, stack, phase), focus_worlds.found_by(last.result, stack)
        border, finer = focus_worlds.BORDER, focus_worlds.UPSAMPLING
    within = within_of(last.result, finer)
    return last.result, row, None if within is None else ratios(found, phase, border * finer, within)


def intervals(network: str, each: int) -> dict[str, dict[str, float]]:
    """What widens the scale of a `network` without a card, by how it answers; of `each` kind so many worlds."""
    found = {}
    for how in ("alone", "polished") if network in POLISHED else ("alone",):
        worlds = []
        for draw in VALIDATION.values():
            for number in range(each):
                result, _, ratio = answered(network, draw, CHOOSING + number, how)
                if ratio is not None:
                    worlds.append((ratio, result.figures["misfit_over_noise"]))
        if worlds:
            found[how] = interval_of(worlds)
        print(f"{network} {how} {found.get(how)}", file=sys.stderr, flush=True)
    return found


def judged(network: str, each: int) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Kind, light and scores of each world of the validation; of `each` kind so many, by this `network`."""
    for kind, draw in VALIDATION.items():
        for number in range(each):
            result, row, _ = answered(network, draw, SEEDS[network] + number, "alone")
            light = light_of(result)
            print(f"{network} {kind} {number} {light} {row}", file=sys.stderr, flush=True)
            yield kind, light, row


def scores_of(network: str, each: int, rows: Sequence[tuple[str, str, dict[str, float]]]) -> dict[str, object]:
    """What a card tells of `rows`, kind, light and scores of `each` world of every kind under this `network`."""
    green = [row for _, light, row in rows if light == "green"]
    kinds = {
        kind: {name: round(float(np.mean([row[name] for one, _, row in rows if one == kind])), 4) for name in FIGURES}
        for kind in VALIDATION
    }
    return {
        "command": f"python -m bench.model_cards {network} --each {each}", "worlds": len(rows), "kinds": kinds,
        "mean": {name: round(float(np.mean([row[name] for _, _, row in rows])), 4) for name in FIGURES},
        "lights": {level: sum(light == level for _, light, _ in rows) for level in LEVELS},
        "green_wrong": sum(row["ssim"] < WRONG for row in green), "wrong_below_ssim": WRONG,
    }  # fmt: skip


def page() -> str:
    """docs/models.md, of the cards that lie beside the weights."""
    every = [json.loads(cards.path_of(WEIGHTS / f"{name}.safetensors").read_text(encoding="utf-8")) for name in OURS]
    return OPENING + "\n".join(cards.markdown(card, card["network"]) for card in every)


def write(path: Path, card: cards.Card) -> None:
    """A `card` to a file."""
    path.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(OURS)}; all where left out")
    parser.add_argument("--each", type=int, default=EACH, help="worlds of each kind")
    parser.add_argument("--keep-interval", action="store_true", help="do not determine it anew")
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for network in [] if options.page else options.networks or OURS:
        path = cards.path_of(WEIGHTS / f"{network}.safetensors")
        old = cards.read(WEIGHTS / f"{network}.safetensors")[0] or {}
        path.unlink(missing_ok=True)  # an older one would make it amber
        interval = old.get("interval") if options.keep_interval else intervals(network, INTERVAL_EACH[network])
        write(path, cards.card_of(shipped(network), interval=interval))  # the lights reckon with it
        rows = list(judged(network, options.each))
        write(path, cards.card_of(shipped(network), scores_of(network, options.each, rows), interval))
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
