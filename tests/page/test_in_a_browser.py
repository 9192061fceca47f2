"""The page in headless Chromium: every example of the gallery, a session with the keyboard, phones, the dark."""

import re
import subprocess
import sys
import time

import pytest
from browser import Browser, missing

from symgrad.page.gallery import EXAMPLES

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a browser")
PLAIN = "?text=sum((X+@+w+-+y)**2)&wrt=w"


@pytest.fixture(scope="module")
def address():
    process = subprocess.Popen([sys.executable, "-m", "symgrad", "serve", "--port", "0", "--no-browser"],
                               stdout=subprocess.PIPE, text=True)
    yield process.stdout.readline().strip()
    process.send_signal(2)
    process.wait(10)


@pytest.fixture(scope="module")
def browser():
    with Browser() as found:
        yield found


def until(page, expression, seconds=20):
    end = time.monotonic() + seconds
    while not (value := page.value(expression)):
        assert time.monotonic() < end, f"never: {expression}"
        time.sleep(0.05)
    return value


def clean(page, address):
    assert page.said == []
    assert [each for each in page.asked if not each.startswith((address, "data:"))] == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_the_gallery_fits_and_every_example_is_set(browser, address, width, dark):
    page = browser.open(address + "gallery", width=width, dark=dark)
    clean(page, address)
    assert page.value("document.querySelectorAll('.examples a').length") == 40
    for example in EXAMPLES if width < 600 else EXAMPLES[::5]:
        page = browser.open(address + example.question.address, width=width, dark=dark)
        clean(page, address)
        assert page.value("document.querySelectorAll('#derivatives math').length") >= 2, example.title
        assert page.value("document.documentElement.scrollWidth") <= width, f"{example.title} is wider than the page"
        assert not page.value("document.querySelector('.fault')"), example.title
        wide = page.value("[...document.querySelectorAll('#derivatives .sg-piece')].filter("
                          "e => e.scrollWidth > e.clientWidth + 1).length")
        assert wide == 0, f"a piece of the gradient of {example.title} is cut"


def test_dark_and_light_have_contrast(browser, address):
    for dark in (False, True):
        page = browser.open(address + PLAIN, dark=dark)
        ink, paper = (re.findall(r"\d+", page.value(f"getComputedStyle(document.body).{name}"))[:3]
                      for name in ("color", "backgroundColor"))
        assert abs(sum(map(int, ink)) - sum(map(int, paper))) > 450


def type_in(browser, page, selector, text):
    page.value(f"(document.querySelector({selector!r}).focus(), document.querySelector({selector!r}).select(), 0)")
    browser.call("Input.insertText", page.session, text=text)


def press(browser, page, key, code=0):
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", page.session, type=kind, key=key, windowsVirtualKeyCode=code,
                     text="\r" if key == "Enter" and kind == "keyDown" else "")


def test_a_session(browser, address):
    page = browser.open(address)
    clean(page, address)
    assert page.value("document.activeElement.id") == "text"
    type_in(browser, page, "#text", "‖A x - b‖²")
    until(page, "document.querySelectorAll('#derivatives .row').length == 3")
    type_in(browser, page, "#wrt", "x")
    latex = "document.querySelector('#derivatives .right-side annotation')?.textContent"
    until(page, f"({latex} || '').includes('A^{{')")
    assert "wrt=x" in page.value("location.search"), "the link holds the question"
    until(page, "document.querySelector('#curvature') != null")
    assert page.value("document.querySelector('.start')") is None

    page.value("(document.querySelector('#shape-1').value = '4,2', "
               "document.querySelector('#shape-1').dispatchEvent(new Event('change', {bubbles: true})), 0)")
    until(page, "document.querySelector('#shapes').value == 'A=4,2'")
    until(page, "document.querySelectorAll('.name.guessed').length == 2")

    page.value("(document.querySelector('.own').open = true, 0)")
    type_in(browser, page, "#claim", "A' (A x - b)")
    until(page, "(document.querySelector('#judgement .verdict')?.textContent || '').includes('multiply it by 2')")
    type_in(browser, page, "#claim", "2 A' (A x - b)")
    until(page, "document.querySelector('#judgement.right-answer') != null")

    type_in(browser, page, "#text", "‖A x - b")
    until(page, "document.querySelector('#fault .place') != null")
    assert page.value("document.querySelector('#derivatives')") is None
    type_in(browser, page, "#text", "‖A x - b‖")
    until(page, "document.querySelector('#fault') == null && document.querySelector('#derivatives') != null")

    page.value("(document.activeElement.blur(), 0)")
    press(browser, page, "/")
    assert page.value("document.activeElement.id") == "text"
    until(page, "document.querySelectorAll('[data-copy]').length >= 4")
    browser.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.value("(document.querySelector('#derivatives [data-copy]').click(), 0)")
    until(page, "document.querySelector('#derivatives .done')?.textContent == 'Copied'")
    assert page.said == []


def test_without_a_script_the_form_asks(browser, address):
    page = browser.open(address)
    browser.call("Emulation.setScriptExecutionDisabled", page.session, value=True)
    page = browser.open(address + PLAIN)
    assert page.value("document.querySelector('#text').value") == "sum((X @ w - y)**2)"
    assert page.value("document.querySelectorAll('form.names button').length") == 1
    assert page.value("document.querySelector('form.names').method") == "get"


def test_a_network_is_trained_before_ones_eyes(browser, address):
    page = browser.open(address + "network", width=390)
    clean(page, address)
    assert page.value("document.documentElement.scrollWidth") <= 390
    shown = "[...document.querySelectorAll('#network figure')].filter(e => e.offsetHeight > 0)"
    assert page.value(f"{shown}.length") == 1 and page.value(f"{shown}[0].scrollWidth - {shown}[0].clientWidth") <= 0
    page.value("(document.querySelector('#epochs').value = '60', document.querySelector('button.main').click(), 0)")
    until(page, "location.pathname == '/network/train' && document.querySelector('.after') != null", 40)
    assert page.value("[...document.querySelectorAll('.shot')].filter(e => e.offsetHeight > 0).length") == 1
    page.value("(document.querySelector('.after a').click(), 0)")
    until(page, "document.title.startsWith('A network on spirals')")


def test_what_is_hostile_stays_text(browser, address):
    page = browser.open(address + "?text=%3Cimg+src%3Dx+onerror%3D%22document.title%3D1%22%3E&wrt=%3Cscript%3E&claim=%27%22%3E")
    clean(page, address)
    assert page.value("document.querySelectorAll('#answer img, #answer script').length") == 0
    assert page.value("document.title").startswith("<img")
