"""How recordings and samples come in through napari's own doors: drag and drop, File > Open, File > Open Sample.

napari imports this package when it looks for the manifest inside of it, at its start: the one moment before the first
file is dropped, so what is needed by then is set up here. It imports nothing heavy.
"""

from __future__ import annotations

from ..kit.front_door import open_front_door

open_front_door()
