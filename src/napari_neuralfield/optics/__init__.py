"""Optics as pure functions on arrays: no state, a line of code is a line of an equation."""
