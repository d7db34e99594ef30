"""What is kept, what goes first, and what a copy holds."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from napari_neuralfield.fields.kept.open_fields import OpenFields
from napari_neuralfield.fields.kept.tensors import Kept

TENSOR = torch.zeros(4)  # 16 bytes


def filled(most_bytes: int, least: int, count: int) -> Kept:
    kept = Kept(most_bytes, least)
    for n in range(count):
        kept.put((n, 0), TENSOR + n)
    return kept


def test_those_not_asked_for_longest_go_first() -> None:
    kept = filled(3 * 16, 1, 3)
    assert kept.get((0, 0)) is not None
    kept.put((3, 0), TENSOR)
    assert kept.get((1, 0)) is None
    assert [n for n in range(4) if kept.get((n, 0)) is not None] == [0, 2, 3]


def test_some_stay_however_large() -> None:
    assert len(filled(0, 1, 5)) == 1
    assert len(filled(0, 3, 5)) == 3


def test_putting_a_place_twice_counts_once() -> None:
    kept = filled(2 * 16, 1, 2)
    kept.put((1, 0), TENSOR)
    assert len(kept) == 2


def test_a_copy_begins_empty_unless_it_is_asked_to_be_filled() -> None:
    kept = filled(100, 2, 3)
    for copied in (copy.deepcopy(kept), pickle.loads(pickle.dumps(kept))):
        assert (len(copied), copied.most_bytes, copied.least) == (0, 100, 2)
    full = kept.filled()
    kept.clear()
    assert len(kept) == 0
    assert torch.equal(full.get((2, 0)), TENSOR + 2)


def test_threads_that_want_the_same_make_it_once() -> None:
    """And one that fails leaves its turn to the next."""
    kept, made = Kept(2**20), []

    def make() -> torch.Tensor:
        made.append(threading.get_ident())
        time.sleep(0.02)
        if len(made) == 1:
            raise OSError("not this time")
        return TENSOR

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(kept.made, (0, 0), make) for _ in range(8)]
    assert sorted(type(one.exception()).__name__ for one in asked) == ["NoneType"] * 7 + ["OSError"]
    assert len(made) == 2
    fields = OpenFields()
    with ThreadPoolExecutor(8) as threads:
        opened = {
            id(one) for one in threads.map(lambda _: fields.get("a", lambda: time.sleep(0.01) or object()), range(8))
        }
    assert len(opened) == 1
