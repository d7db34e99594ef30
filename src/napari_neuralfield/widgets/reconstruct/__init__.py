"""The Reconstruct dock: method, run, and what its answer is worth."""
