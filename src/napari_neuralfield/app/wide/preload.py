"""Loaded first by every local process: Ctrl-C in a terminal reaches them all, and it is the main one that ends them."""

import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)
