"""Tags of MATLAB files of version 5: each part says what it is and how long, and a library believes it.

A number type that does not exist makes that library read foreign memory, which ends the program without a word.
"MAT-File Format", The MathWorks; versions before 5 have no tags.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

NUMBERS, TEXT = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13}, {1, 2, 3, 4, 16, 17, 18}
SIGNED_32, UNSIGNED_32, BYTES = {5}, {6}, {1, 2}
MATRIX, COMPRESSED = 14, 15
CELL, STRUCT, OBJECT, CHAR, SPARSE, LAST_NUMERIC = 1, 2, 3, 4, 5, 15
COMPLEX = 0x0800
MOST_AXES, DEEPEST = 32, 32
FOURTH = {  # how files of version 4 begin: byte order, type of number, full, text or sparse
    struct.pack(order + "i", 1000 * (order == ">") + 10 * number + form)
    for order in "<>" for number in range(6) for form in range(3)
}  # fmt: skip
STEP = 2**16


def check(path: Path) -> None:
    """Look at the tags of a file `path`; what holds none is left alone.

    Raises
    ------
    ValueError : for a part that is none, or longer than what it is part of.
    """
    with path.open("rb") as file:
        head = file.read(128)
        order = {b"IM": "<", b"MI": ">"}.get(head[126:])
        if order is None or not all(head[:4]):
            _need(head[:4] in FOURTH, "a beginning of neither version 4 nor 5")
            return
        while len(tag := file.read(8)) == 8:
            kind, length = struct.unpack(order + "II", tag)
            start = file.tell()
            part = _Stream(file, order, length, packed=kind == COMPRESSED)
            if kind == COMPRESSED:
                kind, part.left = struct.unpack(order + "II", part.take(8))
            _need(kind == MATRIX, f"a part of type {kind}")
            _array(part, 0)
            file.seek(start + length)


def _need(true: bool, what: str) -> None:
    if not true:
        raise ValueError(f"{what}, where none can be")


class _Stream:
    """What a part of `length` bytes of a file holds, unpacked where it is `packed`; `left` bytes of it are to come."""

    def __init__(self, file: BinaryIO, order: str, length: int, *, packed: bool) -> None:
        self.order, self.left = order, 8 if packed else length
        self._file, self._packed = file, length if packed else 0
        self._unpack = zlib.decompressobj() if packed else None
        self._waiting = b""

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        _need(count <= self.left, f"{count} bytes in a part that has {self.left} left")
        self.left -= count
        if self._unpack is None:
            found = self._file.read(count)
        else:
            found = b""
            while len(found) < count and not self._unpack.eof:
                if not self._waiting:
                    self._waiting = self._file.read(min(STEP, self._packed))
                    self._packed -= len(self._waiting)
                more = self._unpack.decompress(self._waiting, count - len(found))
                _need(bool(more or self._waiting), "an end")
                found, self._waiting = found + more, self._unpack.unconsumed_tail
        _need(len(found) == count, "an end")
        return found

    def skip(self, count: int) -> None:
        """Leave out `count` bytes."""
        _need(count <= self.left, f"{count} bytes in a part that has {self.left} left")
        if self._unpack is None:
            self._file.seek(count, 1)
            self.left -= count
        else:
            for begin in range(0, count, STEP):
                self.take(min(STEP, count - begin))

    def tag(self) -> tuple[int, int, int]:
        """Type and length of the next element, and the bytes of its place that are not read yet."""
        first, length = struct.unpack(self.order + "I4x", head := self.take(8))[0], 0
        if first >> 16:  # a small one holds its value in the tag
            length = first >> 16
            _need(length <= 4, f"a small element of {length} bytes")
            self._small = head[4 : 4 + length]
            return first & 0xFFFF, length, 0
        length = struct.unpack(self.order + "4xI", head)[0]
        return first, length, length + -length % 8

    def value(self, kinds: set[int]) -> bytes:
        """The next element, which must be of one of these types."""
        kind, length, place = self.tag()
        _need(kind in kinds, f"an element of type {kind}")
        return self.take(place)[:length] if place or not length else self._small

    def pass_over(self, kinds: set[int]) -> None:
        """Leave out the next element, which must be of one of these types."""
        kind, length, place = self.tag()
        _need(kind in kinds, f"an element of type {kind}")
        self.skip(length if place > self.left else place)  # the last one may go without what fills it up


def _array(part: _Stream, depth: int) -> None:
    """Look at one array, and at those in it; `depth` counts what it lies in."""
    _need(depth < DEEPEST, f"{depth} arrays in one another")
    if not part.left:
        return
    flags = struct.unpack(part.order + "I4x", _of(part.value(UNSIGNED_32), 8))[0]
    kind = flags & 0xFF
    if kind > LAST_NUMERIC or not kind:  # functions and what else has no tags that anybody knows
        part.skip(part.left)
        return
    axes = part.value(SIGNED_32)
    _need(len(axes) % 4 == 0 and 8 <= len(axes) <= 4 * MOST_AXES, f"{len(axes) / 4:g} axes")
    shape = struct.unpack(f"{part.order}{len(axes) // 4}i", axes)
    _need(min(shape) >= 0, f"a length of {min(shape)}")
    part.value(BYTES)  # its name
    if kind in (CELL, STRUCT, OBJECT):
        _arrays_within(part, kind, math.prod(shape), depth)
        return
    for _ in range(2 if kind == SPARSE else 0):
        part.pass_over(SIGNED_32)
    for _ in range(2 if flags & COMPLEX and kind != CHAR else 1):
        if kind == CHAR and not part.left:
            return
        part.pass_over(TEXT if kind == CHAR else NUMBERS)


def _of(value: bytes, length: int) -> bytes:
    _need(len(value) == length, f"{len(value)} bytes instead of {length}")
    return value


def _arrays_within(part: _Stream, kind: int, count: int, depth: int) -> None:
    """Look at `count` cells, or at the fields of as many structs."""
    if kind == OBJECT:
        part.value(BYTES)
    if kind != CELL:
        longest = struct.unpack(part.order + "i", _of(part.value(SIGNED_32), 4))[0]
        names = part.value(BYTES)
        _need(longest > 0 and len(names) % longest == 0, f"names of {longest} letters")
        count *= len(names) // longest
    for _ in range(count):
        tag, length, place = part.tag()
        _need(tag == MATRIX and length == place, f"an element of type {tag}")
        _need(length <= part.left, f"{length} bytes in a part that has {part.left} left")
        after = part.left - length
        part.left = length
        _array(part, depth + 1)
        part.skip(part.left)
        part.left = after
