"""What the tabs and the endpoints share: the open models, the registry of questions about them, the address."""
