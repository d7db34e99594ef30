"""Coded ptychography: known surfaces, and surfaces that are calibrated."""
