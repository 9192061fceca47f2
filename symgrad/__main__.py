"""`python -m symgrad` is the program `symgrad`."""

from symgrad.shell.cli import main

main()
