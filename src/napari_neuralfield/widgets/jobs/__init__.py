"""Work that goes on whatever is selected or closed, for the docks that begin it."""
