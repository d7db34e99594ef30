"""Units of the channels that networks are shown."""

TURN_UNIT_DEG = 30.0  # of the angle of the dark-field arcs
