"""Training of the networks, on virtual microscopes or measured frames."""
