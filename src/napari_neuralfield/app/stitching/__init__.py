"""Fields of a stage scan put together: where each lies by what neighbours share, and all as one field."""
