"""The Acquisition dock: what was measured, and what is missing."""
