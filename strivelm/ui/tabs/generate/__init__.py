"""The Generate tab: its wiring, what it asks for, and its views."""
