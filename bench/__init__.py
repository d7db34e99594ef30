"""Every method over the benchmark files, as one table: `python -m bench`. See docs/benchmarks.md."""
