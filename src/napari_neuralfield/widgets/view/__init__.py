"""What is on napari's canvas: layers, previews, and what they say."""
