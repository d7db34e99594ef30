"""Bright field out of focus: transport of intensity, single-frame networks, and fits."""
