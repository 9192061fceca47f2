"""The command `symgrad`: gradient, jacobian, hessian, derive, explain, draw, generate, train, check, report, serve, info.

Words of a command line come in, texts and files go out. Begin with `cli.py`, one function per command, and `target.py`,
what a command works on (a model file or a formula as text). `commands.py` does the work without a terminal,
`at_once.py` that of one formula, `terminal.py` shows it. Only here is anything printed to a terminal on its own account.
"""
