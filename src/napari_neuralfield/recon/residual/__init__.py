"""A neural field as residual on a physical prior, for every kind of ptychography."""
