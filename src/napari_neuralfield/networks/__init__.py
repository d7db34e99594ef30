"""Convolutional networks and their weights."""
