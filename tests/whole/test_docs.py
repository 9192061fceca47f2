"""The documentation: every example runs and prints what it shows, every public name is there, the site builds.

`docs/fences.py` is the one mechanism: the same code runs the examples here and when the site is built. Where an output
changed for the better, `pytest --update tests/whole/test_docs.py` writes it into the page.
"""

import importlib.util
import inspect
import os
import re
import subprocess
import sys

import browser
import pytest
from places import DOCS, ROOT

import symgrad as sg

sys.path.insert(0, str(DOCS))

import fences  # noqa: E402
import listing  # noqa: E402

PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
TORCH = importlib.util.find_spec("torch") is not None


def check(path, request, torch=False):
    """Run a page; with --update write what it prints."""
    page = path.read_text(encoding="utf-8")
    outcome = fences.run(page, path.name, torch=torch)
    if outcome.edits and request.config.getoption("--update"):
        path.write_text(fences.updated(page, outcome.edits), encoding="utf-8")
    else:
        assert not outcome.wrong, "\n" + "".join(outcome.wrong)
    return outcome


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_what_it_shows(name, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    check(DOCS / name, request)


@pytest.mark.parametrize("name", [name for name in PAGES if "```python torch" in (DOCS / name).read_text(encoding="utf-8")])
@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed: pip install '.[peers]'")
def test_the_side_of_pytorch_runs(name, request, tmp_path, monkeypatch):
    if "onnx" in (DOCS / name).read_text(encoding="utf-8"):
        pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    check(DOCS / name, request, torch=True)


def test_the_tour_of_the_readme_runs(request):
    assert check(ROOT / "README.md", request).count > 20


def test_the_commands_of_the_readme_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    commands = re.findall(r"^    (symgrad (?!train).*)", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    for command in commands:  # training the digits is a test of its own
        wrong = "X.T @ (X @ w - y)" in command  # a claim that lacks the factor 2
        assert ("exit status" in fences.invoke(command)) == wrong, command
    assert len(commands) >= 4 and (tmp_path / "net.svg").exists()


@pytest.mark.parametrize("name", PAGES)
def test_no_example_of_a_page_is_left_out(name):
    for fence in fences.fences((DOCS / name).read_text(encoding="utf-8")):
        assert fence.language in ("python", "console", "sh"), fence.text
        assert fence.language != "python" or fence.examples, f"no prompts, so it is not run:\n{fence.text}"


# every public name ------------------------------------------------------------------------------------------


def public_names():
    """`sg.x` for all of `sg`, and what its modules `estimators`, `nn`, `losses` and `optim` define or pass on."""
    for name in sg.__all__:
        if name not in ("nn", "losses", "optim"):
            yield f"sg.{name}"
    module = sg.losses
    yield from (f"sg.losses.{name}" for name, value in vars(module).items()
                if not name.startswith("_") and callable(value) and value.__module__ == module.__name__)
    for room in (sg.estimators, sg.nn, sg.optim):  # what it imports `as` the same name is passed on
        passed = re.findall(r"^from \S+ import (\w+) as \1$", inspect.getsource(room), re.M)
        yield from (f"{room.__name__.replace('symgrad', 'sg')}.{name}" for name in passed)


NAMES = sorted(set(public_names()))
ERRORS = [name for name in NAMES if inspect.isclass(listing.find(name)) and issubclass(listing.find(name), Exception)]


def test_every_public_name_has_one_entry_in_the_reference():
    entries = [name for page in PAGES for name in listing.names((DOCS / page).read_text(encoding="utf-8"))]
    assert sorted(entries) == NAMES
    assert len(NAMES) > 150 and "sg.optim.Adam" in NAMES and "sg.nn.Linear" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_is_and_shows_it(name):
    doc = inspect.getdoc(listing.find(name)) or ""
    assert doc.partition("\n")[0].strip(), f"{name} has no docstring"
    if name in ERRORS:
        assert f"::: {name}" in (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    elif ">>>" not in doc and (made := re.search(r"[Mm]ade by `(sg\.\w+)`", doc)):
        assert ">>>" in inspect.getdoc(listing.find(made[1])), f"{made[1]}, which makes {name}, has no doctest"
    else:
        assert ">>>" in doc, f"{name} has no doctest"


def test_every_error_is_shown_with_its_message():
    text = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    shown = {f"sg.{kind}" for kind in re.findall(r"^(\w+): ", text, re.M)}
    assert set(ERRORS) - shown == {"sg.SymgradError"}


def test_every_page_is_in_the_contents():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert sorted(re.findall(r": (\S+\.md)$", text, re.M)) == PAGES


# fences -----------------------------------------------------------------------------------------------------


PAGE = """
```python
>>> 1 + 1
3
>>> print("a\\n\\nb")
>>> [][0]
```

Text.

    ```console
    $ symgrad info --nothing
    Usage: ...
    exit status 2
    ```
"""


def test_a_wrong_output_is_found_and_can_be_rewritten():
    outcome = fences.run(PAGE)
    assert outcome.count == 4 and len(outcome.wrong) == 3
    page = fences.updated(PAGE, outcome.edits)
    assert ">>> 1 + 1\n2\n" in page and "a\n<BLANKLINE>\nb\n" in page
    assert "Traceback (most recent call last):\n    ...\nIndexError: list index out of range\n" in page
    assert page.endswith(PAGE[PAGE.index("Text."):]) and not fences.run(page).wrong


def test_what_cannot_be_run_is_refused():
    with pytest.raises(ValueError, match="runs symgrad alone"):
        fences.run("```console\n$ rm x\n```\n")


# the site ---------------------------------------------------------------------------------------------------

LOADS = re.compile(r"""<(?:script|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|data|srcset)=["']?(?:https?:)?//"""
                   r"""|<link\b(?![^>]*rel=["']?(?:canonical|prev|next|author))[^>]*?href=["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as ./docs.sh builds it: 10 s, so the extra `test` holds the extra `docs`."""
    if importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder],
                          cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_has_every_page_formulas_and_pictures(site):
    for name in PAGES:
        assert (site / name).with_suffix(".html").exists()
    assert len(list((site / "pictures").glob("gallery-*.svg"))) >= 12
    lecture = (site / "lecture.html").read_text(encoding="utf-8")
    assert lecture.count("<math") > 40 and "symgradstash" not in lecture
    article = lecture.partition("<article")[2].partition("</article>")[0]
    assert "$" not in re.sub(r"<[^>]*>", "", article)  # no formula is left as LaTeX
    assert not re.search(r"<m[ion][^>]*>&(?:amp;)?</", article) and article.count("<mtable") >= 3  # update rules are rows
    index = (site / "index.html").read_text(encoding="utf-8")
    assert index.index("<math") < index.index("<figure")  # formulas on the first screen
    reference_page = (site / "reference" / "derivatives.html").read_text(encoding="utf-8")
    assert 'id="sg.gradient"' in reference_page
    assert 'href="reference/derivatives.html#sg.verify"' in (site / "index.html").read_text(encoding="utf-8")


def test_links_within_the_site_lead_somewhere(site):
    ids = {}
    for page in site.rglob("*.html"):
        ids[page] = set(re.findall(r'\bid="([^"]+)"', page.read_text(encoding="utf-8")))
    for page in ids:
        for target in re.findall(r'<a\b[^>]*?href="([^"]*)"', page.read_text(encoding="utf-8")):
            if page.name == "404.html" or re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path not in ("", ".") else page
            assert there.exists(), f"{page.name}: {target}"
            if anchor and there in ids:
                assert anchor in ids[there] or anchor.startswith("__"), f"{page.name}: {target}"


def test_the_site_loads_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        assert not LOADS.search(page.read_text(encoding="utf-8")), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"@import|url\([\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name




def opened(page, folder):
    """Open a page from the disk in Chromium: (addresses that the page asked for, errors on its console)."""
    log = folder / "net.json"
    done = subprocess.run(
        [browser.program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=3000", "--enable-logging=stderr",
         f"--log-net-log={log}", "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=180)
    assert "</html>" in done.stdout, done.stderr
    # One event a line. What Chromium itself asks for, such as updates, has no origin.
    asked = re.findall(r'"initiator":"([^"]*)".*"url":"(https?:[^"]*)"', log.read_text(encoding="utf-8"))
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return {url for initiator, url in asked if initiator != "not an origin"}, console


@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing() or "there is a browser")
def test_a_browser_asks_for_nothing_and_complains_of_nothing(site, tmp_path):
    for name in ("lecture.html", "gallery.html"):
        assert opened(site / name, tmp_path) == (set(), [])
    bad = site / "bad.html"
    bad.write_text('<html><script>null.x</script><img src="http://127.0.0.1:9/x.png"></html>', encoding="utf-8")
    asked, console = opened(bad, tmp_path)
    bad.unlink()
    assert asked == {"http://127.0.0.1:9/x.png"} and "null" in console[0]
