"""Paths that lead out of a served image, or nowhere."""

from __future__ import annotations

import random

PARTS = (
    "..", "%2e%2e", "%2e.", "%00", "\x00", "etc", "passwd", "c", "0", "-1", "1e9", "9" * 40, "%2f", "\\", "~", "*",
    "zarr.json", "%c0%ae", "a" * 3000, "image.ome.zarr", "v", "field", "%ff", "%3f", "%23", ";", "{}", "00", "0x1",
)  # fmt: skip


def hostile(count: int, image: str) -> list[str]:
    """So many paths around the path of an `image`, none of which names anything there."""
    rng = random.Random(0)
    inside = (
        "/../../../etc/passwd", "/0/c/0/0/999999999", "/0/c/99/0/0", "/40/zarr.json", "/0/c/0/0/00", "/0/c/0/0",
        "//zarr.json", "/zarr.json/", "/zarr.json%00", "/0/c/-1/0/0", "/%30/zarr.json/..",
    )  # fmt: skip
    made = [image + path for path in inside]
    made += ["/v/field/../../server.py", "/v/field/%2e%2e/static_file_server.py", "/favicon.ico", "/" + "a" * 60000]
    while len(made) < count:
        start = rng.choice(["/", f"{image}/", "/v/field/"])
        path = start + "/".join(rng.choices(PARTS, k=rng.randint(2, 7)))
        if path not in (f"{image}/zarr.json", f"{image}/0/zarr.json"):
            made.append(path)
    return made
