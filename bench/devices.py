"""Every method, training and export on a graphics card, beside the processor: `python -m bench.devices [DEVICE]`.

Without DEVICE it is the pretended card of the tests: what each did there, and how often the program waited for it. On
a real one (`cuda:0`, `xpu:0`, `mps`): seconds of a second run, the first having loaded what torch loads late, and
gigabytes at the peak. The recordings are tiny: the seconds say what a step costs to ask for, not how fast a card is.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from napari_neuralfield import compute

from .cases import ROOT

sys.path.insert(0, str(ROOT / "tests"))
from card.pretend import CARD, PretendedCard
from card.runs import RUNS, Run, difference, image_of
from card.work import WORK

Answer = Callable[[str], np.ndarray]  # of a device


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.devices", description=__doc__)
    parser.add_argument("device", nargs="?", default=str(CARD), help="such as cuda:0; left out: the pretended card")
    parser.add_argument("--only", default="", metavar="WORD", help="rows that begin so")
    options = parser.parse_args()
    pretended = options.device == str(CARD)
    if not pretended:
        compute.device(options.device)
    columns = ("operations on the card", "waits") if pretended else ("seconds", "peak GB")
    print(f"| what | difference to the processor | {' | '.join(columns)} |", "|---|---:|---:|---:|", sep="\n")
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        rows: dict[str, Answer] = {run.name: functools.partial(_run, run) for run in RUNS}
        rows |= {name: functools.partial(work, folder=Path(folder)) for name, work in WORK.items()}
        for name, answer in rows.items():
            if name.startswith(options.only):
                print(f"| {name} | {' | '.join(row(answer, options.device))} |", flush=True)


def _run(run: Run, device: str) -> np.ndarray:
    return image_of(run.result(device))


def row(answer: Answer, device: str) -> tuple[str, str, str]:
    """How far the answer is from the processor's, and the two figures of the device; or what stopped it."""
    expected = answer("cpu")
    try:
        found, figures = (pretended if device == str(CARD) else measured)(answer, device)
    except Exception as failure:  # the table goes on with the next row
        return f"stops: {str(failure).splitlines()[0]}", "", ""
    return f"{difference(expected, found):.1e}", *figures


def pretended(answer: Answer, device: str) -> tuple[np.ndarray, tuple[str, str]]:
    """The answer by the pretended card, and how many operations and waits it took."""
    with PretendedCard() as card:
        found = answer(device)
    return found, (f"{sum(card.done.values()):,}", f"{sum(card.waits.values()):,}")


def measured(answer: Answer, device: str) -> tuple[np.ndarray, tuple[str, str]]:
    """The answer by a real card, and the seconds and gigabytes of its second run."""
    answer(device)
    card = torch.get_device_module(torch.device(device).type)
    with contextlib.suppress(AttributeError):
        card.reset_peak_memory_stats()
    began = time.perf_counter()
    found = answer(device)
    seconds = time.perf_counter() - began
    peak = f"{card.max_memory_allocated() / 1e9:.3f}" if hasattr(card, "max_memory_allocated") else "unknown"
    return found, (f"{seconds:.2f}", peak)


if __name__ == "__main__":
    main()
