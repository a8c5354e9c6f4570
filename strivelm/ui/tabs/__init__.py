"""One file a tab, wiring only."""
