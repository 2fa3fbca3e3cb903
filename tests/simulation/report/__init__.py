"""The report: what the simulation shows, as tables and plots in docs/benchmarks.md."""
