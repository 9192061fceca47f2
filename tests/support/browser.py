"""Pages opened in headless Chromium, spoken to over two pipes: the DevTools protocol needs no library.

`with Browser() as browser: page = browser.open(path, width=390, dark=True)` loads a page and gives what it said, asked
for and measures. `missing()` says why no browser can be started here, or nothing.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = """--headless --remote-debugging-pipe --disable-gpu --no-first-run --no-default-browser-check --no-sandbox
--disable-background-networking --disable-component-update --disable-dev-shm-usage --hide-scrollbars""".split()


def program():
    """The browser's path, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@cache
def missing():
    """Why no page can be opened: a sentence, or an empty text."""
    if not program():
        return "no chromium on the PATH (Debian: apt-get install chromium)"
    try:
        subprocess.run([program(), "--version"], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        return f"the chromium on the PATH does not start: {str(error)[:200]}"
    return ""


@dataclass
class Page:
    """What a loaded page did: messages of the console and errors, addresses that it asked for."""

    browser: "Browser"
    session: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def value(self, expression):
        """The value of a JavaScript expression, as JSON can hold it. (The page itself runs no script.)"""
        result = self.browser.call("Runtime.evaluate", self.session, expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def picture(self, path, top=0, height=None):
        """A PNG of the page from `top` on."""
        size = self.browser.call("Page.getLayoutMetrics", self.session)["cssContentSize"]
        clip = {"x": 0, "y": top, "width": size["width"], "height": height or size["height"] - top, "scale": 1}
        data = self.browser.call("Page.captureScreenshot", self.session, clip=clip, captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))


class Browser:
    """A browser without a window and without a network."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # Chromium's children may write yet
        reading, self.writer = os.pipe()
        self.reader, writing = os.pipe()

        def handles():  # the protocol's are 3 and 4; first to numbers that nothing else has
            a, b = os.dup2(reading, 98), os.dup2(writing, 99)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program(), *FLAGS, f"--user-data-dir={self.folder.name}", "about:blank"], preexec_fn=handles,
            close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(reading)
        os.close(writing)
        self.number, self.rest, self.events = 0, b"", []
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        os.close(self.reader)
        os.close(self.writer)
        self.folder.cleanup()

    def call(self, method, session=None, **params):
        """The result of a command; events that come before it are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        while b"\0" not in self.rest:
            piece = os.read(self.reader, 1 << 16)
            assert piece, "the browser ended"
            self.rest += piece
        line, _, self.rest = self.rest.partition(b"\0")
        return json.loads(line)

    def open(self, path, width=1280, height=900, dark=False, motion="screen"):
        """A page of a file, or of an address that begins with http://, loaded whole."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable", session)
        self.call("Network.emulateNetworkConditions", session, offline=False, latency=0, downloadThroughput=-1,
                  uploadThroughput=-1)
        self.call("Emulation.setDeviceMetricsOverride", session, width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", session, media=motion, features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        page = Page(self, session)
        self.events.clear()
        self.call("Page.navigate", session, url=str(path) if str(path).startswith("http://")
                  else Path(path).resolve().as_uri())
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            self.events.append(self._next())
        page.value("document.fonts.ready.then(() => 0) && document.body.scrollHeight")
        for event in self.events:
            params = event.get("params", {})
            match event.get("method"):
                case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                    page.said.append(json.dumps(params))
                case "Network.requestWillBeSent":
                    page.asked.append(params["request"]["url"])
        return page
