"""Continuous representations; they know coordinates only. Importing this package registers them."""
