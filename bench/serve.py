"""How fast a served field answers, whether its memory stays flat, and whether it refuses what is not the field.

`python bench/serve.py FIELD.nfield [--pixel-um 0.02] [--clients 8] [--chunks 200] [--requests 10000] [--hostile 500]`
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hostile_paths import hostile


@contextmanager
def served(field: Path, *options: str) -> Iterator[tuple[int, str]]:
    """Process and address of the image of a served field."""
    command = [sys.executable, "-m", "napari_neuralfield", "serve", str(field), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.split()[:1] == ["image"]:
                yield process.pid, line.split()[1]
                break
    finally:
        process.terminate()
        process.wait()


def resident_mb(process: int) -> float:
    """Memory of a process, MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 1e6


def keys(address: str) -> list[str]:
    """Every chunk of the finest level, in an order of chance."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc)
    connection.request("GET", f"{urlsplit(address).path}/0/zarr.json")
    array = json.loads(connection.getresponse().read())
    side = array["chunk_grid"]["configuration"]["chunk_shape"][-1]
    depths, rows, columns = array["shape"]
    found = [f"0/c/{z}/{y}/{x}" for z in range(depths) for y in range(rows // side) for x in range(columns // side)]
    random.Random(0).shuffle(found)
    return found


def ask(address: str, wanted: list[str], clients: int) -> list[float]:
    """ms of each of the wanted keys, asked for by several clients at once, each on one connection."""
    parts, times = urlsplit(address), []
    rest, lock = iter(wanted), threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        while True:
            with lock:
                key = next(rest, None)
            if key is None:
                return
            began = time.perf_counter()
            connection.request("GET", f"{parts.path}/{key}")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, (key, answer.status)
            times.append(1e3 * (time.perf_counter() - began))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def refused(address: str, count: int) -> dict[int, int]:
    """How often each status was given to hostile paths."""
    parts, given = urlsplit(address), {}
    for path in hostile(count, parts.path):
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        connection._validate_path = lambda url: None  # type: ignore[attr-defined]
        connection.putrequest("GET", path)
        connection.endheaders()
        status = connection.getresponse().status
        given[status] = given.get(status, 0) + 1
        connection.close()
    return given


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("field", type=Path)
    parser.add_argument("--pixel-um", default="0.02")
    for name, value in (("clients", 8), ("chunks", 200), ("requests", 10_000), ("hostile", 500)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    with served(chosen.field, "--pixel-um", chosen.pixel_um) as (process, address):
        every = keys(address)
        cold = ask(address, every[: chosen.chunks], chosen.clients)
        warm = ask(address, every[: chosen.chunks], chosen.clients)
        for name, times in (("made", cold), ("kept", warm)):
            half, most, worst = np.percentile(times, [50, 95, 100])
            print(f"{len(times)} chunks {name}: p50 {half:.0f} ms, p95 {most:.0f} ms, longest {worst:.0f} ms")
        print(f"{chosen.hostile} hostile paths: {refused(address, chosen.hostile)}")
        memory = []
        for part in range(10):
            several = [random.Random(part * 10_000 + n).choice(every) for n in range(chosen.requests // 10)]
            ask(address, several, chosen.clients)
            memory.append(resident_mb(process))
        print(f"MB after each tenth of {chosen.requests} requests: {', '.join(f'{m:.0f}' for m in memory)}")


if __name__ == "__main__":
    main()
