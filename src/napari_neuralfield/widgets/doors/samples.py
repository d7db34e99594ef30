"""File > Open Sample: one virtual recording of every modality, simulated here at its first opening and kept."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from ...optics.board import BoardPose
from ..kit.front_door import PLUGIN
from ..kit.warming import import_torch

if TYPE_CHECKING:
    from ...data.acquisition import Draft
    from ..view.layers import LayerData


@dataclasses.dataclass(frozen=True)
class SampleRecording:
    """What napari calls to open it.

    title : of the recording, and of its file in the user's cache.
    simulator : name of the virtual microscope.
    look : two sentences on what there is to be seen, now and after the run.
    options : keyword arguments of the simulator.
    """

    title: str
    simulator: str
    look: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __call__(self) -> list[LayerData]:
        """Its layers; the docks open beside them."""
        from .opening import NOTHING, recording
        from .soon import stand_in

        layers = recording(self.title, self._draft)
        return [stand_in(self.title)] if layers == NOTHING else layers

    def _draft(self) -> Draft:
        from ...io import open_draft

        draft = open_draft(self.file())
        draft.notes.append(self.look)
        return draft

    def file(self) -> Path:
        """Its file in the user's cache, made where it is not there or made by another version."""
        from ... import simulate
        from ...io import save_acquisition
        from ...registry import SIMULATORS

        assert simulate.__file__ is not None
        sources = [source.read_bytes() for source in sorted(Path(simulate.__file__).parent.glob("*.py"))]
        version = hashlib.sha256(b"".join([*sources, repr(self.options).encode()])).hexdigest()[:8]
        name = f"{self.title.replace(' ', '_')}-{version}.acq.h5"
        path = Path(platformdirs.user_cache_dir(PLUGIN)) / "samples" / name
        if not path.is_file():
            import_torch()
            path.parent.mkdir(parents=True, exist_ok=True)
            made = SIMULATORS[self.simulator](0, **self.options)[0]
            save_acquisition(path, dataclasses.replace(made, title=self.title))
        return path


tilted_slide = SampleRecording(
    "tilted slide", "tilted-slide",
    "One LED at a time lights cells on a slide that is tilted through focus: some are sharp, others are not. "
    "After the run, move the depth slider and watch the cells come into focus one after another.",
)  # fmt: skip
flat_slide = SampleRecording(
    "flat slide", "miscalibrated-board",
    "The frames in the middle are bright field, those from LEDs beyond the blue circle are dark: they hold the detail "
    "that the objective alone does not pass. After the run, compare amplitude and phase with any one frame.",
    {"pose": BoardPose(), "jitter_na": 0.0, "gain_spread": 0.0, "zernike_rad": {}, "z_um": 0.0, "ambient": 0.0},
)  # fmt: skip
miscalibrated_board = SampleRecording(
    "miscalibrated board", "miscalibrated-board",
    "This board is turned by 2° and shifted, its LEDs are unequal and the sample is out of focus, but the file says "
    "nothing of it. Press Calibrate below and see in the plot how far the LEDs move; then compare a run with it.",
)  # fmt: skip
stained_slide = SampleRecording(
    "stained slide", "stained-slide",
    "The same tissue was lit in red, green and blue, each by a whole LED board and each with its own focus. "
    "After the run, the three are one picture in colour, sharper than any frame.",
)  # fmt: skip
coded_sensor = SampleRecording(
    "coded sensor", "coded-fpm",
    "A coded surface lies on the sensor of a small objective, so that nine frames from far apart LEDs are enough. "
    "After the run, the cells appear on a grid four times finer than these coarse, speckled frames.",
)  # fmt: skip
led_patterns = SampleRecording(
    "LED patterns", "multiplexed-cells",
    "Two frames are lit by half of the bright field each, three by arcs of dark field: edges are bright or dark "
    "depending on the side the light comes from. After the run, the phase shows how thick the cells are.",
)  # fmt: skip
coded_scan = SampleRecording(
    "coded scan", "coded",
    "There is no lens: each frame is what a coded surface makes of the sample's shadow, moved a little from frame to "
    "frame. After the run, cells can be seen where the frames show nothing but speckle.",
)  # fmt: skip
wrong_positions = SampleRecording(
    "wrong positions", "coded-wrong-positions",
    "This lensless scan says of every frame where it was taken, but is wrong by up to 3 pixels. "
    "After the run, look at the positions as found, drawn in the Reconstruct dock, and at how sharp the cells are.",
)  # fmt: skip
far_field = SampleRecording(
    "far-field star", "far-field",
    "Each frame is the diffraction pattern of a small spot of the sample, in X-rays; neighbouring spots overlap. "
    "After the run, the spokes of the star can be followed to the middle, and the beam is found as well.",
)  # fmt: skip
near_field = SampleRecording(
    "near-field cells", "near-field",
    "Each frame is a hologram of the whole sample, close behind it, moved by some pixels in between. "
    "After the run, the phase shows the cells without the fringes and without the pattern of the beam.",
)  # fmt: skip
electrons = SampleRecording(
    "electrons on MoS2", "mos2",
    "Each frame is the pattern of an electron beam that dwells on a few atoms; the bright disc is the beam itself. "
    "After the run, the phase shows the atoms of the lattice, and where two of them are missing.",
)  # fmt: skip
through_focus = SampleRecording(
    "through focus", "through-focus",
    "Transparent cells are all but invisible in focus, dark on one side of it and bright on the other. "
    "After the run, the phase shows how thick they are.",
)  # fmt: skip
one_frame = SampleRecording(
    "one frame", "through-focus",
    "A single frame, 4 µm out of focus, is all there is: thin cells show as fringes. "
    "After the run, a network has turned it into phase, and the traffic light in its dock tells how far to trust it.",
    {"z_um": (4.0,)},
)  # fmt: skip
time_lapse = SampleRecording(
    "time-lapse", "time-lapse",
    "One defocused frame every two minutes: cells move and divide; drag the slider below the picture. "
    "After the run, every frame is turned into phase as soon as you look at it.",
    {"frames": 24},
)  # fmt: skip
