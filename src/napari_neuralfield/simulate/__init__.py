"""Virtual microscopes and scenes with known truth."""
