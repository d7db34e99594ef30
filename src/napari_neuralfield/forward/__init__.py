"""Differentiable measurement models: what a sample looks like on the camera."""
