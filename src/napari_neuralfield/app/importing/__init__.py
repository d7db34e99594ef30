"""Frames of any kind on their way to an acquisition: what is known of them so far, and what has been said."""
