"""Rendered planes and measured frames in formats that other programs open."""
