"""What was opened or worked out once and is kept while there is room."""
