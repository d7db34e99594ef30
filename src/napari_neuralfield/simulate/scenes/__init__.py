"""Thin random samples, endlessly different, for training and tests."""
