"""A full memory in whatever words: told from other failures, with what was needed, what is free and what helps."""

from __future__ import annotations

import errno
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_neuralfield import compute, memory

FULL = [
    MemoryError(),
    MemoryError("Unable to allocate 3.00 GiB for an array with shape (1, 2) and data type float32"),
    torch.OutOfMemoryError("no memory"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 10 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                 "to allocate 4000000 bytes. Error code 12 (Cannot allocate memory)"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 512 bytes."),
    RuntimeError("could not create a primitive"),
    RuntimeError("could not create a memory object"),
    RuntimeError("unable to mmap 1048576 bytes from file <x>: Cannot allocate memory (12)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("HIP out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB, max allowed: 9.00 GB)"),
    RuntimeError("XPU out of memory, please use `empty_cache`"),
    RuntimeError("Native API failed. Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"),
    RuntimeError("std::bad_alloc"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError("Can't synchronously read data (memory allocation failed for chunk)"),
    ImportError("libgomp.so.1: failed to map segment from shared object"),
]  # fmt: skip
OTHER = [
    RuntimeError("shapes differ"),
    OSError(errno.ENOSPC, "No space left on device"),
    ImportError("libgomp.so.1: cannot allocate memory in static TLS block"),
    ValueError("the allocation of LEDs is wrong"),
    KeyError("out of memory"),
]


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:40])
def test_a_full_memory_is_known_in_every_wording_and_behind_other_errors(error: Exception) -> None:
    assert memory.is_out_of_memory(error)
    for outer in (OSError("the file is damaged"), ImportError("tqdm")):
        with pytest.raises(type(outer)) as caught:
            behind(error, outer)
        assert compute.is_out_of_memory(caught.value)


def behind(error: Exception, outer: Exception) -> None:
    try:
        raise error
    except Exception:
        raise outer  # noqa: B904 - as others' code does


@pytest.mark.parametrize("error", OTHER, ids=lambda error: str(error)[:40])
def test_other_failures_are_not_taken_for_it(error: Exception) -> None:
    assert not memory.is_out_of_memory(error)


def test_what_torch_and_numpy_really_say_is_known_with_how_much_they_wanted() -> None:
    for attempt, needed in ((lambda: torch.empty(2**58), 4 * 2**58), (lambda: np.empty(2**55, np.uint8), 2**55)):
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            attempt()
        assert memory.is_out_of_memory(caught.value)
        assert memory.needed_bytes(caught.value) == pytest.approx(needed, rel=0.01)


def test_the_sentence_says_what_was_needed_what_is_free_and_what_helps() -> None:
    said = memory.sentence(FULL[3], ["fewer planes (--planes)", "a smaller part"], 10**9, "a.h5: method x on cuda:0")
    assert said == (
        "a.h5: method x on cuda:0: memory ran out (2.68 GB more were needed, 1 GB are free); "
        "what helps: fewer planes (--planes) or a smaller part"
    )
    assert memory.remedies_of(["passes", "planes", "batch"]) == [
        "fewer planes (--planes)", "fewer frames a step (--batch)"
    ]  # fmt: skip


def test_the_limits_of_a_container_and_of_the_process_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("max", "300000000"), ("now", "200000000"), ("stat", "anon 1\ninactive_file 50000000\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "LIMITS", [tuple(str(tmp_path / name) for name in ("max", "now", "stat"))])
    assert memory.free_bytes() <= 150_000_000
    resource = pytest.importorskip("resource")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    monkeypatch.setattr(resource, "getrlimit", lambda what: (used + 10**7, -1))
    assert memory.free_bytes() <= 2 * 10**7
    assert re.fullmatch(r"\d+(\.\d+)? [GM]B", memory.size(memory.free_bytes()))


A_THREAD = """
import threading
from pathlib import Path
import numpy as np
from napari_neuralfield import memory

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

def work():
    np.ones(3_500_000)  # 28 MB: what glibc learns from, so that it would keep twice as much
    [np.ones(12_000) for _ in range(500)]

memory.keep_little()
before = megabytes()
thread = threading.Thread(target=work)
thread.start()
thread.join()
memory.give_back()
print(megabytes() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="memory of the GNU C library")
def test_a_thread_leaves_no_free_memory_behind():
    left = subprocess.run([sys.executable, "-c", A_THREAD], capture_output=True, text=True, check=True)
    assert float(left.stdout) < 10  # 18 without keep_little, 48 without either


def test_where_the_library_is_another_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory.keep_little()
    memory.give_back()
