"""Sixty broken inputs; `make stress` tries a thousand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="each case is a forked child")
def test_sixty_broken_inputs() -> None:
    """Each is read, or refused in one line that names it; in a process of its own, where no gradient was taken yet."""
    command = [sys.executable, "-m", "tests.stress.fuzz", "--count", "60", "--seed", "17"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = {word: int(count) for count, word in re.findall(r"(\d+) (refused|read)", done.stdout)}
    assert said["refused"] > 18
    assert said["read"] > 3
