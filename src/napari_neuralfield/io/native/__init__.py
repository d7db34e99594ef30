"""The project's own files: acquisitions, fields and weights, written whole or not at all."""
