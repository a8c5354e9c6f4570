"""The Learn tab: its wiring, what it asks for, and its views."""
