"""What the names of files say: their order, and values in them."""
