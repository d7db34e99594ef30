"""A field for other programs: as arrays, and as a store that computes what is asked for."""
