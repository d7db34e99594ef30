"""What belongs to the package and to no method: `python -m bench.package import` or `sizes`, as JSON."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

IMPORTS = ("napari_neuralfield", "napari_neuralfield.types", "napari_neuralfield.recon", "torch")


def import_seconds(module: str, times: int = 5) -> float:
    """Median CPU seconds of an import in a fresh interpreter, without the interpreter's own start."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    runs = (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True) for _ in range(times)
    )
    return statistics.median(float(run.stdout) for run in runs)


def field_bytes(half: bool, pixels: int = 2048) -> int:
    """Bytes of a field file of the published layout: Q 32, five nodes, a quarter of the output's pixels per axis."""
    from napari_neuralfield import save_result
    from napari_neuralfield.fields.plane_axis import PlaneAxisField
    from napari_neuralfield.types import Extent, Result

    field = PlaneAxisField(
        extent=Extent((-20.0, 20.0), (pixels, pixels), 0.1725),
        plane_shape=(pixels // 4, pixels // 4), features=32, depth_nodes=5, hidden=32,
        output="polar", interpolation="bilinear", half=half,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "field.nfield"
        save_result(file, Result(field))
        return file.stat().st_size


def main() -> None:
    if sys.argv[1] == "import":
        found = {module: import_seconds(module) for module in IMPORTS}
    else:
        planes = 161 * 2048**2 * 8  # the paper's stack, complex64
        found = {"float32": field_bytes(False), "float16": field_bytes(True), "planes": planes}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
