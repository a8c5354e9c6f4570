"""What the tabs and the endpoints share: the open models, the questions that can be asked of them, the address."""
