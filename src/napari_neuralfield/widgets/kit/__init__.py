"""Parts that every dock is made of: forms, plots, threads, session, and how docks open each other."""
