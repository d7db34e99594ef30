"""How a command ends early: the signals that end it, and what is said of an error."""
