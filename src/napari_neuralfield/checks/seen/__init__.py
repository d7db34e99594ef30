"""What frames of any kind hold: light, floors, gaps, frames and pixels without data."""
