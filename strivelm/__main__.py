"""`python -m strivelm` is the command `strivelm`."""

from strivelm.cli.main import main

if __name__ == "__main__":
    main()
