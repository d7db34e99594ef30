"""The program without a window: jobs, lazy views, command line, demo. No Qt here."""
