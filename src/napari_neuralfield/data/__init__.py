"""Acquisitions: frames and geometry, their checks, and virtual microscopes that make them."""
