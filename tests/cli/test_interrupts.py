"""Ctrl-C and the signals that end a program, as a shell and a scheduler see them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.cli.ends import interrupts

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends processes without a signal")


@posix
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_every_signal_is_heard_like_ctrl_c(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "app", lambda *typed, **how: signal.raise_signal(number))
    monkeypatch.setattr(interrupts, "_leave_the_terminal", lambda: None)
    before = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    monkeypatch.setattr(cli.mistakes, "say_warnings", lambda: signal.signal(number, before))  # whatever it was here
    assert cli.main(["info", "x"]) == status
    assert capsys.readouterr().err == "neuralfield: interrupted\n"
    assert signal.getsignal(number) == before


@posix
def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts.as_ctrl_c(), interrupts.asked_to_end(lambda: True) as asked:
            signal.raise_signal(signal.SIGHUP)
            assert not asked.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_first_signal_asks_and_the_second_ends() -> None:
    with interrupts.asked_to_end(lambda: True) as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_before_anything_has_begun_the_first_one_ends() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts.asked_to_end(lambda: False):
        signal.raise_signal(signal.SIGINT)


def test_another_thread_hears_none() -> None:
    found: list[bool] = []

    def work() -> None:
        with interrupts.as_ctrl_c(), interrupts.asked_to_end(lambda: True) as asked:
            found.append(asked.is_set())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


@posix
def test_a_terminal_that_goes_away_does_not_hinder_saving(tmp_path: Path) -> None:
    """What is said after SIGHUP goes nowhere, instead of ending the program in the middle of saving."""
    code = (
        "import os, pty, signal, sys\n"
        "child, terminal = pty.fork()\n"
        "if child:\n"
        "    os.read(terminal, 1); os.close(terminal)\n"
        "    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        "from pathlib import Path; from napari_neuralfield.cli import commands\n"
        "def work(*typed, **how):\n"
        "    try:\n"
        "        print('x', flush=True); signal.pause()\n"
        "    except KeyboardInterrupt:\n"
        "        print('saving', flush=True); print('saving', file=sys.stderr)\n"
        f"        Path({str(tmp_path)!r}, 'kept').touch()\n"
        "        raise\n"
        "commands.app = work\n"
        "sys.exit(commands.main(['info', 'x']))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 129
    assert (tmp_path / "kept").exists()
