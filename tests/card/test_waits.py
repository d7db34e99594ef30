"""The program does not wait for a graphics card within a pass: it reads once a pass, or some times a second."""

from __future__ import annotations

from unittest import mock

import pytest
from card.pretend import CARD, PretendedCard, lines
from card.runs import RUNS, Run

A_PASS = 12  # looks at most that a further pass over all frames costs; a loop that waits at each of its steps has 18
STEPS = ("steps",)  # options that count single steps, not passes: these wait for nothing
DECIDES = {"defocus-field through_focus": 3}  # a step that was too long is taken back: each is waited for


def looks(run: Run, passes: int) -> PretendedCard:
    """The card after a run of so many passes, in which time stands still: only the first preview is due."""
    with PretendedCard() as card, mock.patch("time.monotonic", return_value=5.0):
        run.result(str(CARD), **{run.longer: passes})
    return card


@pytest.mark.parametrize(
    "run",
    [run for run in RUNS if run.longer and not run.judged and run.kind != "coded_ptychography"],  # as the other scans
    ids=lambda run: run.name,
)
def test_more_steps_wait_no_more(run: Run) -> None:
    few = run.options[run.longer]
    short, long = looks(run, few), looks(run, 2 * few)
    assert sum(long.done.values()) > sum(short.done.values()) + 100
    more = long.waits - short.waits
    most = DECIDES.get(run.name, 0 if run.longer in STEPS else A_PASS)
    assert sum(more.values()) <= most * few, "\n".join(lines(more))
