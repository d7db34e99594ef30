"""What the frames say about what is claimed, one file a kind of acquisition."""
