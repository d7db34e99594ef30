"""Alternating projections between object and frames of single LEDs, shared by calibration and Fourier ptychography."""
