"""What the 3-D button shows of a field or a time-lapse."""
