"""Spaces: what a Space is made of, and how it gets to the Hub."""
