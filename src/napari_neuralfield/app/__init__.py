"""The program without a window: jobs, lazy views, films. No Qt, no terminal."""
