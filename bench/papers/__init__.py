"""Tables of published papers, made again on simulated worlds."""
