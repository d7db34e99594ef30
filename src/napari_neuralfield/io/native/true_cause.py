"""What a file really is, where it is not the recording that its name says."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ...data.names.plain_files import NO_FILE

HEAD = 4096  # bytes looked at
EMPTY = "the file is empty, cut short to nothing; copy or record it again"
LFS = b"version https://git-lfs.github.com/spec"
PAGES = (b"<!doctype html", b"<html")
ANNEX = b"/annex/objects/"


def not_the_file(path: str | Path) -> str:
    """What stands in the place of a recording, and the remedy: half a sentence; empty where nothing is known."""
    try:
        mode, size = os.stat(path).st_mode, os.stat(path).st_size
        if stat.S_ISDIR(mode):
            return ""
        if not stat.S_ISREG(mode):
            return NO_FILE
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError):
        return ""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(LFS):
        return "a Git LFS pointer, not the file itself: run git lfs pull"
    if size < HEAD and text.replace(b"\\", b"/").startswith(ANNEX):
        return "a git-annex pointer, not the file itself: run git annex get"
    if text.startswith(PAGES):
        return (
            "a web page that was saved instead of the file, often one that asks for a login; download the file itself"
        )
    return ""


def why_unreadable(path: str | Path) -> str:
    """As `not_the_file`, for a file that could not be read: nothing, or nothing but zeros, is no recording either."""
    if said := not_the_file(path):
        return said
    try:
        if not os.path.isfile(path):
            return ""
        with open(path, "rb") as file:
            head = file.read(HEAD)
    except (OSError, ValueError):
        return ""
    if not head:
        return EMPTY if os.path.isfile(path) else ""
    if len(head) == HEAD and not any(head):
        return (
            "the file begins with nothing but zeros: a placeholder of a cloud drive that was never fetched, or a copy "
            "that broke off; fetch or copy it again"
        )
    return ""
