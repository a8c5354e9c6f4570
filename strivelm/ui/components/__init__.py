"""What tabs are made of: views, plots, the header and its picker, messages."""
