"""The Calibrate panel of the Acquisition dock."""
