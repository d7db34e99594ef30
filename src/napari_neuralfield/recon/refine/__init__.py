"""Object and microscope fitted together to frames of single LEDs, with nothing idealised that the frames can tell."""
