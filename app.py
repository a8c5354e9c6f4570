"""The StriveLM page: `python app.py`, and the file that a Hugging Face Space runs."""

from strivelm.cli.console import call

if __name__ == "__main__":
    call("page")
