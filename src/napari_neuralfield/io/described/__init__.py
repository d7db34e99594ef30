"""What files say of their frames: names, axes, units, masks and planes."""
