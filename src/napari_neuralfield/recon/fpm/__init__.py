"""Fourier ptychography: single LEDs, one plane or a stack, with or without a coded surface."""
