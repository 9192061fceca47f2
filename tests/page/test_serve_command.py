"""`symgrad serve` as a program: its address, its answers over a real connection, its end."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from places import ROOT

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

PLAIN = urlencode({"text": "sum((X @ w - y)**2)", "shapes": "X=n,d w=d y=n", "wrt": "w"})


def started():
    process = subprocess.Popen([sys.executable, "-m", "symgrad", "serve", "--port", "0", "--no-browser"], cwd=ROOT,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", line), (line, process.stderr.read() if process.poll() else "")
    return process, line.strip()


def below(number):
    """The numbers of all processes that a process started, and those that they did."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == number and fields[0] != "Z":
            child = int(stat.parent.name)
            found += [child, *below(child)]
    return found


def alive(numbers):
    return [n for n in numbers if Path(f"/proc/{n}/stat").exists()
            and Path(f"/proc/{n}/stat").read_text().rpartition(")")[2].split()[0] != "Z"]


@pytest.fixture
def server():
    process, address = started()
    yield process, address
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(10)


def status(address, path="", **headers):
    try:
        with urlopen(Request(address + path, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_it_answers_and_ends_with_its_workers(server):
    process, address = server
    code, page = status(address, "?" + PLAIN)
    assert code == 200 and "<math" in page and "</html>" in page
    assert status(address, "?" + PLAIN, Host="evil.example")[0] == 421
    assert status(address, "?" + PLAIN, Origin="null")[0] == 403
    assert status(address, "?" + urlencode({"text": "x" * 1_000_000}))[0] == 414
    assert status(address, "?text=sum(x")[0] == 200
    host, port = address.removeprefix("http://").strip("/").split(":")
    for raw in (b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\xff\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nHost: evil\r\n\r\n".encode(),
                b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(raw)
            assert re.match(rb"HTTP/1\.[01] 4\d\d ", line.recv(100)), raw
    if not sys.platform.startswith("linux"):
        return
    children = below(process.pid)
    assert len(children) >= 2
    heavy = socket.create_connection((host, int(port)))
    text = "sum(" + "tanh(" * 60 + "x" + ")" * 60 + ")"
    heavy.sendall(f"GET /?{urlencode({'text': text})} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    time.sleep(1.0)
    children += below(process.pid)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(6) == 0
    while alive(children) and time.monotonic() - begun < 6:
        time.sleep(0.05)
    assert alive(children) == []
    heavy.close()
    assert process.stderr.read() == ""


def test_workers_end_when_the_server_is_killed(server):
    process, address = server
    assert status(address, "?" + PLAIN)[0] == 200
    if not sys.platform.startswith("linux"):
        pytest.skip("processes are counted in /proc")
    children = below(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(5)
    begun = time.monotonic()
    while alive(children) and time.monotonic() - begun < 6:
        time.sleep(0.05)
    assert alive(children) == []


def test_an_address_that_cannot_be_had_is_one_message(server):
    _, address = server
    port = address.rstrip("/").rpartition(":")[2]
    done = subprocess.run([sys.executable, "-m", "symgrad", "serve", "--port", port, "--no-browser"], cwd=ROOT,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.startswith(f"Error: serve: 127.0.0.1:{port} cannot be had")
    assert "Traceback" not in done.stderr
