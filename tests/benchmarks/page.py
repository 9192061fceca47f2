#!/usr/bin/env python3
"""How long does the page wait for an answer?   python tests/benchmarks/page.py

Starts `symgrad serve` and asks it every formula of the gallery, as a browser does: seconds until the gradient is there, until
the page is whole, and until it is whole when it is asked again. The workers are warm, as they are a second after the start;
no formula was asked before. Last, a light question beside heavy ones. Wall-clock times of this machine, as it is just now.
"""

import http.client
import statistics
import subprocess
import sys
import threading
import time
from urllib.parse import urlencode, urlparse

HEAVY = "sum(" + "tanh(" * 60 + "x" + ")" * 60 + ")"


def asked(address, query):
    """Seconds until the gradient is there, and until the page is whole; the number of bytes."""
    place = urlparse(address)
    line = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    begun = time.perf_counter()
    line.request("GET", "/" + query)
    answer = line.getresponse()
    text, gradient = b"", None
    while piece := answer.read1(1 << 16):
        text += piece
        if gradient is None and b'id="derivatives"' in text and text.count(b"<!-- end -->") >= 2:
            gradient = time.perf_counter() - begun
    assert answer.status == 200 and text.rstrip().endswith(b"</html>"), query
    return gradient, time.perf_counter() - begun, len(text)


def main():
    from symgrad.page.gallery import EXAMPLES

    process = subprocess.Popen([sys.executable, "-m", "symgrad", "serve", "--port", "0", "--no-browser"],
                               stdout=subprocess.PIPE, text=True)
    try:
        address = process.stdout.readline().strip()
        asked(address, "?text=x'+x")
        time.sleep(1)
        rows = [(example.title, asked(address, example.question.address)) for example in EXAMPLES]
        again = [asked(address, example.question.address)[1] for example in EXAMPLES]
        print(f"{'formula':32}{'gradient':>10}{'whole':>10}{'again':>10}{'kB':>8}")
        for (title, (gradient, whole, size)), kept in zip(rows, again, strict=True):
            print(f"{title:32}{1e3 * gradient:7.0f} ms{1e3 * whole:7.0f} ms{1e3 * kept:7.1f} ms{size / 1e3:8.0f}")
        for name, values in (("gradient", [r[1][0] for r in rows]), ("whole", [r[1][1] for r in rows]), ("again", again)):
            late = sum(value > 0.15 for value in values)
            print(f"{name}: median {1e3 * statistics.median(values):.0f} ms, longest {1e3 * max(values):.0f} ms, "
                  f"{late} of {len(values)} above 150 ms")
        heavy = [threading.Thread(target=asked, args=(address, "?" + urlencode({"text": f"{i} {HEAVY}"}))) for i in range(2, 8)]
        for each in heavy:
            each.start()
        time.sleep(1)
        light = [asked(address, "?" + urlencode({"text": f"‖A x - {i} b‖²", "wrt": "x"}))[1] for i in range(10)]
        print(f"beside six heavy questions: median {1e3 * statistics.median(light):.0f} ms, longest {1e3 * max(light):.0f} ms")
        for each in heavy:
            each.join()
    finally:
        process.send_signal(2)
        process.wait(10)


if __name__ == "__main__":
    main()
