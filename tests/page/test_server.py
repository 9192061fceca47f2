"""The server: who may ask, what it gives, and that no question stops it or makes another one wait."""

import json
import re
import subprocess
import sys
import threading
import time
from multiprocessing import Pipe

import pytest

from symgrad.page.guard import Hosts
from symgrad.page.pool import Worker, Workers

pytest.importorskip("httpx")
TestClient = pytest.importorskip("starlette.testclient").TestClient
application = pytest.importorskip("symgrad.page.app").application
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

ADDRESS = "http://127.0.0.1:8765"
PLAIN = {"text": "sum((X @ w - y)**2)", "shapes": "X=n,d w=d y=n", "wrt": "w"}
SECONDS = 6.0
DEEP = "sum(" + "tanh(" * 60 + "x" + ")" * 60 + ")"  # its Hessian takes seconds


@pytest.fixture(scope="module")
def client():
    with TestClient(application("127.0.0.1", 8765, Workers(SECONDS, 1 << 30)), base_url=ADDRESS) as found:
        found.get("/", params=PLAIN)  # the workers are warm
        yield found


def test_the_plain_question_is_a_page_with_the_gradient(client):
    answer = client.get("/", params=PLAIN)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    page = answer.text
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert r"2 X^{\top} (X w - y)</annotation>" in page and "<msup><mi>X</mi>" in page
    assert "This cannot be read" not in page and 'class="without"' not in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_ask_for_nothing_elsewhere(client):
    for path in ("/", "/gallery", "/page.js"):
        text = client.get(path).text
        assert not re.findall(r"https?://(?!www\.w3\.org/)[^\s\"')]+", text), path
    assert client.get("/sympy", params=PLAIN).text.endswith("2*X.T*(X*w - y)\n")


@pytest.mark.parametrize("path", ["/", "/gallery", "/page.js", "/answer", "/nothing"])
@pytest.mark.parametrize("headers", [
    {"host": "evil.example"}, {"host": "evil.example:8765"}, {"host": "127.0.0.1"}, {"host": "127.0.0.1:8766"},
    {"host": "127.0.0.1:8765.evil.example"}, {"host": "127.0.0.1:8765@evil.example"}, {"host": ""}, {"host": "null"},
    {"host": "[::1]:8765"}, {"host": "127.0.0.1:08765x"}, {"host": "0.0.0.0:8765"},
    {"origin": "null"}, {"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:8766"},
    {"origin": "https://127.0.0.1:8765"}, {"origin": "http://127.0.0.1"}, {"origin": ""},
    {"origin": "http://127.0.0.1:8765.evil.example"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
], ids=str)
def test_a_forged_host_or_origin_is_refused(client, path, headers):
    for method in ("GET", "POST", "HEAD"):
        answer = client.request(method, path, headers=headers, params=PLAIN)
        assert 400 <= answer.status_code < 500, (method, answer.status_code)
        assert "<math" not in answer.text


@pytest.mark.parametrize("headers", [{"host": "localhost:8765"}, {"host": "LOCALHOST:8765"}, {"origin": ADDRESS},
                                     {"origin": "http://localhost:8765"},
                                     {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}], ids=str)
def test_its_own_names_are_answered(client, headers):
    assert client.get("/", headers=headers).status_code == 200


def test_hosts_of_other_addresses():
    assert Hosts("0.0.0.0", 80).knows("192.168.1.7") and not Hosts("0.0.0.0", 80).knows("evil.example")
    assert Hosts("::1", 8765).knows("[::1]:8765") and not Hosts("::1", 8765).knows("[::2]:8765")
    assert Hosts("box.local", 8765).knows("box.local:8765") and not Hosts("box.local", 8765).knows("10.0.0.1:8765")


@pytest.mark.parametrize("path", ["/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/page.js/../../question.py", "/assets/",
                                  "//etc/passwd", "/templates/head.html.j2", "/page.css.j2", "/..%5c..%5cwindows"])
def test_no_file_is_given_away(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 200) and "root:" not in answer.text and "{%" not in answer.text
    assert answer.status_code == 404 or answer.text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("text", [
    "sum((X @ w - y)**2", "__import__('os').system('id')", "x.__class__.__mro__", "(" * 500 + "x" + ")" * 500, "[" * 5000,
    "-" * 9000 + "x", "x" + "'" * 3000, "9" * 4000, "x**9**9**9**9", "2**99999999 x' x", "1e999 x' x", "sum(x) / 0 + 1e400",
    "\x00", "x\x00y", "\x1b[31mx", "\u202ex", "\ud7ff\uffff x", "\ufeffx' x", "x\ny", "\t", "🙂", "a" * 9999,
    "eye(999999) @ x", "zeros((99999, 99999))", "ones((10**5, 10**5))", "repeat(x, 10**9)", "λ" * 2000, r"\frac{" * 900,
    r"\sum" * 500, "where(" * 60, "x if x else x", "lambda x: x", "f'{x}'", "‖" * 999, "∑_i " * 300 + "x_i", "((((x))))'" * 200,
    "<script>alert(1)</script>", "../../etc/passwd", "{{7*7}}", "%s%n%x", "x;y;z", "einsum('" + "a" * 60 + "', x)",
    "tr(" + "X " * 300 + ")", "exp(" * 70 + "x" + ")" * 70, "take(x, [0, 10**12])", "x[10**30]", "arange(10**6) @ x",
], ids=lambda t: repr(t[:24]))
def test_hostile_texts_get_a_page_or_a_refusal_in_time(client, text):
    started = time.monotonic()
    answer = client.get("/", params={"text": text, "wrt": "x"})
    assert answer.status_code in (200, 413, 414), answer.status_code
    assert "</html>" in answer.text and time.monotonic() - started < 15
    assert "Traceback" not in answer.text and "fault of symgrad" not in answer.text, re.findall(
        ".*fault of symgrad.*", answer.text)


@pytest.mark.parametrize("given", [
    {"text": "x" * 20_000}, {"text": "x' x", "shapes": "x=" + "n," * 3000}, {"text": "x' x", "wrt": "x," * 3000},
    {"text": "x' x", "claim": "x" * 20_000}, {"text": "x" * 64_000}])
def test_what_is_too_long_is_refused_by_a_page(client, given):
    answer = client.get("/", params=given)
    assert answer.status_code in (413, 414) and "more than" in answer.text or "may have" in answer.text


@pytest.mark.parametrize("shapes", ["X", "X=", "=n", "X=n,,d", "X=-1", "X=n d=d", "X=n=d", "X=99999999999999999999", "X=n,d X=d",
                                    "X=__import__", "X=n: evil", "X=" + "n," * 200, "\x00=n", "X=0", "X='n'"])
def test_wrong_shapes_are_told(client, shapes):
    answer = client.get("/", params={"text": "sum(X)", "shapes": shapes})
    assert answer.status_code == 200 and "</html>" in answer.text and "fault of symgrad" not in answer.text


def test_a_slow_answer_shows_what_was_found_in_time(client, monkeypatch):
    workers = client.app.app.state.workers
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as asleep:
        halves = []

        async def slow():
            here, there = Pipe()
            there.send_bytes(json.dumps({"part": "reading", "html": f"<p>part {len(halves)}</p>"}).encode())
            halves.append(there)  # and then nothing more
            return Worker(asleep.pid, here)

        with monkeypatch.context() as patched:
            patched.setattr(workers, "seconds", 0.25)
            patched.setattr(workers, "_free", slow)
            page = client.get("/", params={"text": "‖A x - 11 b‖²", "wrt": "x"}).text
        asleep.kill()
    assert "<p>part 0</p>" in page and "<p>part 1</p>" in page and page.rstrip().endswith("</html>")
    assert "the rest takes longer than 0.25 seconds, which is what an answer may take" in page
    page = client.get("/", params={"text": "‖A x - 11 b‖²", "wrt": "x"}).text  # what is not whole is not kept
    assert "<h2>Derivation" in page and 'id="unfinished"' not in page


def test_too_much_memory_ends_an_answer_and_not_the_server(client):
    page = client.get("/", params={"text": "sum(kron(kron(A, A), kron(A, A)) ** 2)", "shapes": "A=9,9", "wrt": "A"}).text
    assert "</html>" in page
    assert client.get("/", params=PLAIN).status_code == 200


def seconds_of_light_questions(client, start):
    times = []
    for i in range(6):
        started = time.monotonic()
        answer = client.get("/", params={"text": f"‖A x - {start + i} b‖²", "wrt": "x"})
        times.append(time.monotonic() - started)
        assert answer.status_code == 200 and "<math" in answer.text
    return sorted(times)


def test_light_questions_do_not_wait_for_heavy_ones(client):
    alone = seconds_of_light_questions(client, 100)
    if alone[3] > 0.6:
        pytest.skip(f"other work leaves too little of this machine to tell: {alone[3]:.1f} s for a light question alone")
    heavy = [threading.Thread(target=client.get, args=("/",), kwargs={"params": {"text": f"{i} {DEEP}", "wrt": "x"}})
             for i in range(2, 10)]
    for each in heavy:
        each.start()
    times = seconds_of_light_questions(client, 200)
    for each in heavy:
        each.join()
    assert times[3] < 8 * alone[3] + 1, (alone, times)  # they share two cores, and wait for none


def test_an_answer_is_kept(client):
    first = client.get("/", params=PLAIN).text
    started = time.monotonic()
    assert client.get("/", params=PLAIN).text == first
    assert time.monotonic() - started < 0.5


def test_without_the_extra_a_message_says_how_to_get_it(monkeypatch):
    from symgrad.graphs.errors import SymgradError
    from symgrad.page import serving

    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    with pytest.raises(SymgradError, match=r'starlette is not installed; pip install "symgrad\[serve\]"'):
        serving.serve("127.0.0.1", 0, print, False)


def test_many_questions_at_once_are_all_answered_or_told_to_wait(client):
    found = []

    def ask(i):
        started = time.monotonic()
        page = client.get("/", params={"text": f"‖A x - {i} b‖² + {i} x' x", "wrt": "x"})
        found.append((page.status_code, "</html>" in page.text, "<math" in page.text or 'id="unfinished"' in page.text,
                      time.monotonic() - started < 15))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(24)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [(200, True, True, True)] * 24


def test_a_question_that_had_to_wait_has_its_gradient_and_the_rest_when_it_is_asked_again(client, monkeypatch):
    asked = {"text": "‖A x - 7 b‖² + 8 x' x", "wrt": "x"}
    with monkeypatch.context() as patched:
        patched.setattr("symgrad.page.pool.PATIENT", -1.0)
        page = client.get("/", params=asked).text
    assert "<h2>Gradient" in page and "<math" in page and "<h2>Derivation" not in page
    assert "this is the first part of an answer; ask again for the rest" in page
    page = client.get("/", params=asked).text
    assert "<h2>Derivation" in page and 'id="unfinished"' not in page


def test_when_the_nursery_dies_there_is_another_one(client):
    workers = client.app.app.state.workers
    nursery = workers.nursery
    nursery.process.kill()
    nursery.process.wait(5)
    pages = [client.get("/", params={"text": f"‖A x - {i} c‖²", "wrt": "x"}).text for i in range(6)]
    assert "<math" in pages[-1] and 'id="unfinished"' not in pages[-1]
    assert all("<math" in page or "ended, and this answer with it" in page for page in pages)
    assert workers.nursery is not nursery


def test_workers_that_wait_are_few(client):
    workers = client.app.app.state.workers
    for i in range(12):
        client.get("/", params={"text": f"‖A x - {i} d‖²", "wrt": "x"})
    assert len(workers.idle) <= 8
