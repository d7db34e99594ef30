"""Work in many pieces, on one machine or on a cluster: executors, and the tiles of a wide field."""
