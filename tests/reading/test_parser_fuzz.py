"""Any text is a tensor or one of symgrad's errors, quickly: generated texts in great number, the same on every run.

20,000 by default; SYMGRAD_FUZZ=100000 (or any number) for more or fewer.
"""

import os
import signal
import time
import warnings

import pytest
from click.testing import CliRunner
from fuzz_texts import DECLARED, FORMULAS, HOSTILE, texts

import symgrad as sg
from symgrad.reading.vocabulary import parse_shapes, public_functions
from symgrad.shell.cli import cli

COUNT = int(os.environ.get("SYMGRAD_FUZZ", "20000"))
PARTS = 4
SLOW = 2.0  # seconds of one text; an idle machine needs less than 0.4
HANGS = 20  # seconds after which a text is interrupted


class Hangs(BaseException):
    """Raised by the alarm: no handler of the parser catches it."""


@pytest.fixture
def alarm():
    def ring(*_):
        raise Hangs

    previous = signal.signal(signal.SIGALRM, ring)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def fault(text, symbols):
    """What is wrong with how `text` is read, or None."""
    before = time.process_time()
    signal.alarm(HANGS)
    try:
        value = sg.parse(text, **symbols)
        if not isinstance(value, sg.Tensor):
            return f"gives a {type(value).__name__}"
    except sg.SymgradError as error:
        if not all(char.isprintable() or char == "\n" for char in str(error)) or not str(error).strip():
            return f"has a message that cannot be shown: {str(error)!r}"
    except Hangs:
        return f"takes more than {HANGS} s"
    except BaseException as error:
        return f"raises {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    seconds = time.process_time() - before
    return f"takes {seconds:.1f} s" if seconds > SLOW else None


@pytest.mark.parametrize("part", range(PARTS))
def test_any_text_is_read_or_refused(part, alarm):
    symbols = parse_shapes(DECLARED)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faults = [f"{text[:300]!r} {wrong}" for text in texts(part, COUNT // PARTS) if (wrong := fault(text, symbols))]
    assert not faults, "\n".join(faults[:10])


def test_the_valid_formulas_are_read():
    """Otherwise damaging them would say little. What is not there yet is told as such."""
    known = public_functions()
    for text in FORMULAS:
        missing = [name for name in ("dropout", "layer_norm", "attention", "conv2d", "embedding") if name in text and name not in known]
        if missing:
            with pytest.raises(sg.ParseError, match="there is no function"):
                sg.parse(text, **DECLARED)
        elif not any(name in text for name in ("attention", "conv2d", "embedding", "layer_norm", "dropout")):
            assert isinstance(sg.parse(text, **DECLARED), sg.Tensor), text


def test_the_command_line_refuses_with_one_message():
    """`symgrad derive TEXT` for every hostile text: status 2, a message, never a traceback; or a letter was guessed, and told."""
    shapes = [part for name, shape in DECLARED.items() for part in ("--shape", f"{name}={shape}")]
    runner = CliRunner()
    for text in HOSTILE[::2] + list(texts(99, len(FORMULAS) + len(HOSTILE) + 200))[-200:]:
        try:
            value = sg.parse(text, **DECLARED)
        except sg.SymgradError:
            pass
        else:
            if value.ndim == 0:
                continue  # a loss: what happens then is not the parser's
        result = runner.invoke(cli, ["derive", *shapes, "--", text])
        if result.exit_code == 0 and result.output.startswith("Guessed: "):
            continue
        assert result.exit_code == 2, f"{text!r}: status {result.exit_code}: {result.output[:300]} {result.exception!r}"
        assert "Error: " in result.output and "Traceback" not in result.output and "fault of symgrad" not in result.output, (
            text, result.output[:500])
