"""Readers and writers. Importing this package registers the readers."""
