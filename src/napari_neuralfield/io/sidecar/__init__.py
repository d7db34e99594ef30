"""What a user writes beside foreign frames: numbers, tables, LED boards, flat images."""
