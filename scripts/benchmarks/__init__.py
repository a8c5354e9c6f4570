"""What scripts/benchmark.py measures: each module's `measure` yields rows of figures, each with its `line` of text."""
