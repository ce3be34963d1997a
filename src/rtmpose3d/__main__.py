"""`python -m rtmpose3d`: the command line, as torchrun starts it."""

from rtmpose3d.cli import main

if __name__ == "__main__":
    main()
