"""The Depth dock: slide through a field, render and export it."""
