"""The Hugging Face Hub: reading model folders from it safely, and publishing them there."""
