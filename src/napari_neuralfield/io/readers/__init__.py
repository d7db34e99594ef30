"""One file a family of foreign formats, and what they share; every reader here is registered."""
