"""`python -m symgrad` is the program `symgrad`."""

from symgrad.cli import main

main()
