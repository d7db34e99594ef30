"""The transport of intensity, and what goes beyond it: frames through focus as a measurement, and its inverses."""
