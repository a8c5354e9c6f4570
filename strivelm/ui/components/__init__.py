"""The parts of tabs: views, plots, the header with the model picker, messages."""
