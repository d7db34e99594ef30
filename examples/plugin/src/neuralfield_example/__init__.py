"""One of each: what another package can add to napari-neuralfield."""
