"""Continuous representations; they know coordinates only. Every field here is registered."""
