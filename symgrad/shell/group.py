"""The group of all commands: whatever goes wrong in one of them ends in one message."""

from __future__ import annotations

import os
from typing import Any

import click

from symgrad.graphs.errors import SymgradError
from symgrad.shell.arguments import Refused, quotes_for

INTERRUPTED = 130


class Commands(click.Group):
    """A group whose commands end in one message, never in a traceback, and are listed in the order of this file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            if args[0].isalpha():
                raise
            raise click.UsageError(f"{args[0]!r} is a formula or a file, and no command; put one in front: symgrad "
                                   f"explain {args[0]!r} ...", ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            fits = quotes_for(error)
            if not fits:
                raise
            raise click.UsageError(f"{error.message}; {fits}", error.ctx) from error
        except SymgradError as error:
            raise Refused(str(error)) from None
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("SYMGRAD_TRACEBACK"):
                raise
            text = " ".join(str(error).split()) or "no message"
            raise Refused(f"{type(error).__name__}: {text}\nThis is a fault of symgrad, not of the input: please "
                          "report it; SYMGRAD_TRACEBACK=1 shows where it happened") from None
