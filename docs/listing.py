"""Entries of the interface reference, from signatures and docstrings; the help of the command line, from click."""

import inspect
import re
from pathlib import Path

# Classes whose instances functions make: nobody calls them.
MADE = "Tensor Derivation Explanation Formulas History Landscape Optimizer Source StationaryPoint Structure Verdict".split()
ENTRY = re.compile(r"^::: (\S+)$", re.M)


def names(page):
    """The public names that a page has entries for."""
    return ENTRY.findall(page)


def expand(page):
    """Replace each `::: sg.name` by its entry."""
    return ENTRY.sub(lambda found: entry(found[1]), page)


def find(name):
    """The object of a dotted name such as `sg.nn.Linear`."""
    import symgrad

    value = symgrad
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


def entry(name):
    """Heading, signature, docstring; of a class also its public members."""
    value = find(name)
    error = inspect.isclass(value) and issubclass(value, Exception)
    call = "" if error or name.rpartition(".")[2] in MADE else signature(value)
    text = f"### `{name}` {{ #{name} }}\n\n"
    if call:
        text += f"```` {{ .python .signature }}\n{name}{call}\n````\n\n"
    text += prose(inspect.getdoc(value) or "")
    return text + "\n" + ("" if not inspect.isclass(value) else members(value))


def members(cls):
    """Properties and methods that a class defines, with their first lines."""
    rows = []
    for key, value in sorted(vars(cls).items()):
        if key.startswith("_") or not (inspect.isfunction(value) or isinstance(value, property) or hasattr(value, "func")):
            continue
        doc = (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ")
        if doc:
            call = signature(value, method=True) if inspect.isfunction(value) else ""
            rows.append(f"| `.{key}{call}` | {escaped(doc).replace('|', '&#124;')} |")
    return "| | |\n|---|---|\n" + "\n".join(rows) + "\n{ .members }\n\n" if rows else ""


def signature(value, method=False):
    """`(a, b=1)`, without annotations: the text says what is meant."""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    return str(found.replace(parameters=parameters[1:] if method else parameters,
                             return_annotation=inspect.Signature.empty))


def prose(doc):
    """A docstring as Markdown: doctests and indented text become fences, the rest is escaped."""
    blocks = []
    for part in re.split(r"\n\s*\n", doc.strip()):
        if part.startswith(">>>"):
            part = re.sub(r"^>>> import symgrad as sg\n", "", part, flags=re.M)  # said once, on the first page
            blocks.append(f"```python\n{part}\n```")
        elif all(line.startswith("    ") for line in part.splitlines()):
            blocks.append(f"```text\n{inspect.cleandoc(part)}\n```")
        else:
            blocks.append(escaped(part))
    return "\n\n".join(blocks) + "\n"


def escaped(text):
    """Plain text as Markdown: code between backticks stays, all else means itself."""
    parts = re.split(r"(`+[^`]*`+)", text)
    return "".join(part if i % 2 else re.sub(r"([\\*_<>\[\]#$|])", lambda found: f"&#{ord(found[1])};", part)
                   for i, part in enumerate(parts))


def section(path, title):
    """The section of a Markdown file under `## title`."""
    text = Path(path).read_text(encoding="utf-8")
    return re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.M | re.S)[1]


def commands():
    """Each command of `symgrad` with its own help."""
    import click

    from symgrad.shell.cli import cli

    text = []
    for name, command in [("", cli), *cli.commands.items()]:
        path = f"symgrad {name}".strip()
        context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100)
        text.append(f"## {path}\n\n```text\n{command.get_help(context)}\n```\n" if name else
                    f"```text\n{command.get_help(context)}\n```\n")
    return "\n".join(text)
