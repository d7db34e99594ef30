"""Holds `napari.yaml`, which the entry point in `pyproject.toml` names."""
