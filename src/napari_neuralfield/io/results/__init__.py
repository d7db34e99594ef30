"""Finished fields as they lie on disk: a file, or a folder of tiles."""
