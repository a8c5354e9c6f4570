"""The public endpoints, for programs, and their answers."""
