"""The same recipe for many recordings: which they are, what became of each, and the table of all."""
