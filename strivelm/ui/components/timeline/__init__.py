"""The timeline in the header: a model's training, step by step."""
