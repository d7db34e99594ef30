"""The napari docks and contributions: the only code that imports napari, magicgui or Qt."""
