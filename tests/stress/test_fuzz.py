"""A hundred broken inputs; `make stress` tries a thousand."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from stress.fuzz import faults


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="each case is a forked child")
def test_a_hundred_broken_inputs(tmp_path: Path) -> None:
    """Each is read, or refused in one line that names it."""
    said: Counter[str] = Counter()
    found = list(map(str, faults(seed=17, count=100, work=tmp_path, said=said)))
    assert not found, f"{said}:\n" + "\n".join(found)
    assert said["refused"] > 30
    assert said["read"] > 5
