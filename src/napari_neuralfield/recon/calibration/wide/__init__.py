"""One microscope calibrated from several regions of a wide field together."""
