"""Six kills of what writes files: nothing is torn, lost or left. `make stress` does a thousand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the killed processes are forks, which Windows has not")
def test_a_killed_command_leaves_the_older_output_and_nothing_else() -> None:
    command = [sys.executable, "-m", "tests.stress.kills", "--count", "6", "--seed", "1"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
