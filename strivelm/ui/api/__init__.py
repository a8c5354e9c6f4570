"""What programs can call: the public endpoints and what they answer."""
