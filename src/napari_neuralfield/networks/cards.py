"""Model cards: what a network learned from, what it is for, where it holds and where it fails, how well it does.

A card is made of the header of the weights and of the scores of a validation run, and of nothing else. It lies beside
the weights, NAME.card.json beside NAME.safetensors. `python -m bench.model_cards` writes those of the package.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .channel_units import TURN_UNIT_DEG
from .pretrained import Weights, load_weights

CARD_VERSION = 1
Card = dict[str, Any]  # JSON-ready
REMEDY = "make it again with: python -m bench.model_cards"
USES = {
    "neuph": "Phase of a thin sample from five LED patterns: two bright-field halves, three dark-field arcs.",
    "srqpi": "Phase on 4 times finer pixels from one defocused bright-field frame of a thin transparent sample.",
    "srcnn": "To compare the U-Net for a single defocused frame with; it is not meant for results.",
}
FAILURES = {
    "neuph": (
        "The constant of the phase, and structures wider than some tens of frame pixels, are made up.",
        "Thick samples, and samples more than a depth of field out of focus, come out wrong.",
        "A dark field whose brightness against the bright field is wrong makes fine detail too strong or too weak.",
    ),
    "srqpi": (
        "Slow phase leaves no trace in one frame: a wrong one explains the frame down to its noise.",
        "A wrong sign of z_um turns the phase upside down, and the frame alone does not always tell.",
        "Strong textures that fill the field come out far worse than cells on an empty background.",
    ),
    "srcnn": ("It sees 13 fine pixels: cells become rims with hollow middles.",),
}
LIMIT_SLACK = 0.15  # of a range that was asked for, or of its width, beyond which frames lie outside


@dataclasses.dataclass(frozen=True)
class Widening:
    """What makes the scale that a network tells an interval that holds 68 % of its errors.

    Parameters
    ----------
    factor : of the scale, where the frames are explained to their noise.
    power : of the misfit, mean square in units of the noise, by which the interval grows where they are not.
    """

    factor: float = 1.0
    power: float = 0.0

    def times(self, misfit: float) -> float:
        """The scale's factor at a `misfit`."""
        return self.factor * max(misfit, 1.0) ** self.power


AS_TOLD = Widening()


def widening(weights: Weights, how: str) -> Widening:
    """That of `weights` by their card for answers that come `how`: "alone", or "polished"; 1 without a card."""
    card = read(Path(weights.source))[0]
    found = ((card or {}).get("interval") or {}).get(how, {})
    return Widening(float(found.get("factor", 1.0)), float(found.get("power", 0.0)))


def card_of(
    weights: Weights, scores: Mapping[str, object] | None = None, interval: Mapping[str, object] | None = None
) -> Card:
    """The card of some `weights`, with `scores` of a validation run and the `interval` that was found, where they were.

    `interval` holds a `Widening` as JSON for each of 'alone' and 'polished'.
    """
    header, network = weights.header, weights.header["network"]
    count = sum(value.numel() for name, value in weights.tensors.items() if not name.startswith("training."))
    return {
        "card_version": CARD_VERSION, "network": network, "sha256": digest(Path(weights.source)),
        "made_as": _made_as(header), "numbers": count, "data": list(_data(header)),
        "intended_use": USES.get(network, f"What the network {network} of a plug-in is for."),
        "range": ranges(header), "failure_modes": [*FAILURES.get(network, ()), *_seen_failing(scores)],
        "interval": None if interval is None else dict(interval), "scores": None if scores is None else dict(scores),
    }  # fmt: skip


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; '' where `path` is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def ranges(header: Mapping[str, Any]) -> dict[str, list[float]]:
    """Least and most of what the training knew, by name with its unit, as the `header` of weights tells."""
    found: dict[str, list[float]] = {}
    recipe = header.get("recipe", {})
    if turns := header.get("statistics", {}).get("arc turn mean"):
        found["rotation of the arcs, deg"] = [round(TURN_UNIT_DEG * float(turns[n]), 1) for n in (0, -1)]
    if fresnel := header.get("known", {}).get("fresnel"):
        found["size of wavelength z / pixel^2"] = [round(float(value), 4) for value in fresnel]
    if "coherence_max" in recipe:
        found["condenser NA / objective NA"] = [float(recipe[f"coherence_{end}"]) for end in ("min", "max")]
    for name, values in header.get("trust", {}).items():
        found[name] = [float(values[0]), float(values[-1])]
    return found


def beyond(known: Mapping[str, Sequence[float]], name: str, value: float, tolerance: float = 0.0) -> str:
    """One sentence where a `value` lies outside of the range of that `name` in `known`; '' where it does not.

    `tolerance` is allowed besides a share of the range.
    """
    if name not in known:
        return ""
    low, high = known[name]
    slack = tolerance + LIMIT_SLACK * (high - low)
    if low - slack <= value <= high + slack:
        return ""
    what, _, unit = name.partition(", ")
    unit = f" {unit}" if unit else ""
    return f"the {what} is {value:.3g}{unit}, and the card of the weights names {low:.3g} to {high:.3g}{unit}"


def path_of(weights: Path) -> Path:
    """Where the card of a file of `weights` lies."""
    return weights.with_suffix(".card.json")


def read(weights: Path) -> tuple[Card | None, str]:
    """The card beside a file of `weights`, None where there is none; and what is wrong with it, '' where nothing is."""
    path = path_of(weights)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        version, of = card["card_version"], card["sha256"]
    except FileNotFoundError:
        return None, ""
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None, f"{path}: the model card cannot be read; {REMEDY}"
    if version != CARD_VERSION:
        return None, f"{path}: the model card is of version {version}, this program reads {CARD_VERSION}; {REMEDY}"
    if of != digest(weights):
        return None, f"{path}: the model card is of other weights than {weights.name}; {REMEDY}"
    return card, ""


def shown(path: Path) -> Card:
    """The card of a file of weights at `path`: the one beside it, or one made of its header alone.

    Raises
    ------
    InputError : where the file holds no weights.
    """
    weights = load_weights(path, "")
    card, wrong = read(path)
    return card or {**card_of(weights), "note": wrong}


def doubt(weights: Weights) -> str:
    """One sentence where the card beside `weights` is not theirs, or of another version; '' otherwise."""
    return read(Path(weights.source))[1]


def markdown(card: Card, title: str) -> str:
    """A `card` as a chapter called `title`."""
    lines = [f"## {title}", "", card["intended_use"], "", f"* {card['made_as']}", f"* {card['numbers']:,} numbers"]
    lines += [f"* {said}" for said in card["data"]]
    lines += ["", "| known from training | least | most |", "|---|---|---|"]
    lines += [f"| {name} | {low:g} | {high:g} |" for name, (low, high) in card["range"].items()]
    lines += ["", "Where it fails:", "", *(f"* {said}" for said in card["failure_modes"]), ""]
    return "\n".join([*lines, *_scores_lines(card["scores"]), *_interval_lines(card.get("interval")), ""])


def as_text(card: Card) -> str:
    """A `card` for a terminal."""
    text = markdown(card, f"model card of {card['network']}").replace("## ", "").replace("|---|---|---|\n", "")
    return f"{text}note: {card['note']}\n" if card.get("note") else text


def _scores_lines(scores: Mapping[str, Any] | None) -> Iterator[str]:
    if scores is None:
        yield "No validation run stands behind it."
        return
    lights = ", ".join(f"{count} {level}" for level, count in scores["lights"].items())
    yield f"Validation by `{scores['command']}`, {scores['worlds']} worlds; lights: {lights}."
    yield from ("", "| kind | PSNR, dB | SSIM | error, rad |", "|---|---|---|---|")
    for name, row in {**scores["kinds"], "**mean**": scores["mean"]}.items():
        yield f"| {name} | {row['psnr_db']:.2f} | {row['ssim']:.3f} | {row['rmse_rad']:.3f} |"


def _interval_lines(interval: Mapping[str, Any] | None) -> Iterator[str]:
    if interval:
        widened = (
            f"{one['factor']:g}{f' misfit^{power:g}' if (power := one['power']) else ''} ({how})"
            for how, one in interval.items()
        )
        yield from (
            "",
            f"The scale of its error that it tells holds 68 % of foreign errors times {', '.join(widened)}.",
        )


def _made_as(header: Mapping[str, Any]) -> str:
    told = header.get("published")
    if not told:
        return "Network and training are this package's own, after the paper's idea."
    differ = "; ".join(told["deviations"]) or "nothing that was typed"
    return (
        f"As published in {told['paper']}; differs in: {differ}; the paper leaves open: {'; '.join(told['unknown'])}."
    )


def _data(header: Mapping[str, Any]) -> Iterator[str]:
    legs = [*header.get("history", []), {"recipe": header.get("recipe", {}), "steps": header.get("steps")}]
    for number, leg in enumerate(legs, start=1):
        recipe = leg.get("recipe") or {}
        given = [f"{name} of the user" for name in ("pairs", "stack", "images", "like", "frames") if recipe.get(name)]
        material = " and ".join(["simulated scenes", *given])
        which = f"Training {number} of {len(legs)}" if len(legs) > 1 else "Training"
        yield (
            f"{which}: {leg.get('steps')} steps of {recipe.get('batch', '?')} patches of {recipe.get('patch_px', '?')} "
            f"frame pixels, {material}, largest step {recipe.get('learning_rate', float('nan')):g}"
        )
    yield f"Made by version {header.get('package_version', '?')} of the package"


def _seen_failing(scores: Mapping[str, Any] | None) -> Iterator[str]:
    """What a validation run has shown."""
    if scores is None:
        return
    worst = min(scores["kinds"], key=lambda kind: scores["kinds"][kind]["ssim"])
    row = scores["kinds"][worst]
    yield f"Worst kind of sample in the validation: {worst}, with {row['psnr_db']:.1f} dB and SSIM {row['ssim']:.2f}."
    if scores["green_wrong"]:
        yield (
            f"A green light is no proof: {scores['green_wrong']} of {scores['lights']['green']} answers under one were "
            f"wrong on foreign samples (SSIM below {scores['wrong_below_ssim']})."
        )
