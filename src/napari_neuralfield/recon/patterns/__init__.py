"""Several LEDs per frame: phase by differences, linear models, and the five-pattern network."""
