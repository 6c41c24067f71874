"""Benchmarks. Each prints a table and, as its last line, one JSON object; each starts and stops what it needs."""
