"""Ptychography by scanning: far field, near field, and lensless through a coded surface."""
