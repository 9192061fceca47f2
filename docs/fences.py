"""The code fences of a page: found, run in order, and compared with the output they show.

One mechanism for the tests and for the build. A page is Markdown; three kinds of fences are run:

    ```python          doctests: what follows `>>>` is executed, what stands below must be what it prints. The fences
                       of a page share one namespace. `show=a,b` in the first line shows the values of expressions
                       on the built page, as formulas or pictures.
    ```python torch    the same in a namespace of its own, run where PyTorch is installed.
    ```console         after `$ symgrad ...`, the output of that command.

Other fences are text. `pytest --update tests/whole/test_docs.py` writes into a page what its examples print today: look at
the difference before it is committed.
"""

import doctest
import re
import shlex
from dataclasses import dataclass, field

FENCE = re.compile(r"^( *)```(\w*)[ ]*([^\n`]*)\n(.*?)^\1```[ ]*$", re.M | re.S)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@dataclass(frozen=True)
class Fence:
    """A code fence: its language, the words behind it, its text, and where it stands in the page."""

    language: str
    options: str
    text: str
    start: int
    stop: int
    indent: str = ""

    @property
    def torch(self):
        return "torch" in self.options.split()

    @property
    def show(self):
        """The expressions whose values the page shows."""
        found = re.search(r"show=(\S+)", self.options)
        return found[1].split(",") if found else []

    @property
    def examples(self):
        """Doctest's examples; none where the fence has no prompts."""
        return doctest.DocTestParser().get_examples(self.text) if self.language == "python" else []


def fences(page):
    """All fences of a page, in order."""
    found = []
    for match in FENCE.finditer(page):
        indent, language, options, text = match.groups()
        text = re.sub(f"^{indent}", "", text, flags=re.M) if indent else text
        found.append(Fence(language, options.strip(), text, match.start(), match.end(), indent))
    return found


@dataclass
class Outcome:
    """What running a page gave."""

    values: dict = field(default_factory=dict)  # start of a fence -> the values of its shown expressions
    wrong: list = field(default_factory=list)  # in doctest's words
    edits: list = field(default_factory=list)  # (fence, its text with the outputs of today)
    count: int = 0


class Checker(doctest.OutputChecker):
    """Doctest's checker, for which an error needs no module before its name."""

    def check_output(self, want, got, optionflags):
        return super().check_output(want, re.sub(r"^(?:[a-z_]\w*\.)+([A-Z]\w+: )", r"\1", got), optionflags)


class Runner(doctest.DocTestRunner):
    """Doctest's runner, which remembers what examples print that print something else."""

    def __init__(self):
        super().__init__(Checker(), optionflags=FLAGS, verbose=False)
        self.got = {}

    def report_failure(self, out, test, example, got):
        head, raised, tail = got.partition("Traceback (most recent call last):\n")
        message = re.sub(r"\A(?: .*\n)+(?:\w+\.)*", "", tail)  # without the frames and the error's module
        self.got[example.lineno] = f"{head}{raised}    ...\n{message}" if raised else got
        super().report_failure(out, test, example, got)

    def report_unexpected_exception(self, out, test, example, exc_info):
        kind, error, _ = exc_info
        self.got[example.lineno] = f"Traceback (most recent call last):\n    ...\n{kind.__name__}: {error}\n"
        super().report_unexpected_exception(out, test, example, exc_info)


def run(page, name="page", torch=False, commands=True):
    """Run the fences of a page; `torch` also those that need PyTorch, `commands` those of the command line."""
    outcome = Outcome()
    namespaces = {False: {"__name__": "__main__"}, True: {"__name__": "__main__"}}
    for fence in fences(page):
        line = page.count("\n", 0, fence.start) + 1
        if fence.language == "python" and fence.examples and (torch or not fence.torch):
            _run_python(fence, doctest.DocTest(fence.examples, namespaces[fence.torch], name, name, line, None),
                        namespaces[fence.torch], outcome)
        elif fence.language == "console" and commands:
            _run_console(fence, f"{name}, line {line}", outcome)
    return outcome


def _run_python(fence, test, namespace, outcome):
    runner = Runner()
    runner.run(test, out=outcome.wrong.append, clear_globs=False)
    namespace.update(test.globs)
    outcome.count += len(test.examples)
    if not outcome.wrong:
        outcome.values[fence.start] = [eval(each, dict(namespace)) for each in fence.show]
    if runner.got:
        lines = fence.text.splitlines()
        for example in reversed(fence.examples):
            if example.lineno in runner.got:
                start = example.lineno + example.source.count("\n")
                lines[start:start + example.want.count("\n")] = [
                    line or "<BLANKLINE>" for line in runner.got[example.lineno].rstrip("\n").splitlines()]
        outcome.edits.append((fence, "\n".join(lines) + "\n"))


def _run_console(fence, place, outcome):
    text, changed = "", False
    for command, shown in prompts(fence.text):
        outcome.count += 1
        got = invoke(command.replace("\\\n", " "))
        if not doctest.OutputChecker().check_output(shown, got, FLAGS):
            outcome.wrong.append(f"{place}\n$ {command}\nExpected:\n{shown}\nGot:\n{got}\n")
            shown, changed = re.sub(r"[ ]+$", "", got, flags=re.M), True
        text += f"$ {command}\n{shown.rstrip()}\n"
    if changed:
        outcome.edits.append((fence, text))


def updated(page, edits):
    """The page with the outputs of today."""
    for fence, text in reversed(edits):
        head = page[fence.start:fence.stop].split("\n", 1)[0]
        body = re.sub(r"^(?=.)", fence.indent, text, flags=re.M)
        page = f"{page[:fence.start]}{head}\n{body}{fence.indent}```{page[fence.stop:]}"
    return page


def prompts(text):
    """(command, output) of each `$ symgrad ...` in a console fence; a backslash continues a line."""
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command = re.match(r"(?:.*\\\n)*.*", part)[0]
        if not command.startswith("symgrad"):
            raise ValueError(f"a console fence runs symgrad alone, not {command!r}: use a fence `sh` for what is not run")
        yield command, part[len(command) + 1:]


def invoke(command):
    """What a command prints, and a line with its exit status where that is not 0."""
    from click.testing import CliRunner

    from symgrad.shell.cli import cli

    result = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="symgrad")
    return result.output + (f"exit status {result.exit_code}\n" if result.exit_code else "")
