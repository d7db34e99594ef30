"""Is the verdict on an answer right? Random microscopes with known truth, half of them spoiled, and a count."""
