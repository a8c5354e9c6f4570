"""A Firefox as Linux distributions ship it, driven over WebDriver BiDi: Playwright drives only builds of its own."""

import base64
import itertools
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect

SETTINGS = {
    "ui.prefersReducedMotion": 1,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.safebrowsing.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
"""What makes a fresh profile quiet."""
SECONDS = 60.0


def find_firefox() -> str | None:
    """The path of an installed Firefox; None where there is none."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One page of a running Firefox.

    Raises AssertionError for what a command, a script or waiting ends in.
    """

    def __init__(self, socket):
        self._socket, self._numbers, self.said = socket, itertools.count(1), []
        self.command("session.new", capabilities={})
        (tab,) = self.command("browsingContext.getTree")["contexts"]
        self._tab = tab["context"]
        self.command("session.subscribe", events=["log.entryAdded"])

    def command(self, method: str, **parameters) -> dict:
        """What a command of WebDriver BiDi answers; what the page says meanwhile is kept in `said`."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(SECONDS))
            if answer.get("method") == "log.entryAdded" and answer["params"]["level"] == "error":
                self.said.append(answer["params"]["text"])
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def size(self, width: int, height: int) -> None:
        """Sets the size of what is seen of the page, in CSS pixels."""
        self.command("browsingContext.setViewport", context=self._tab, viewport={"width": width, "height": height})

    def open(self, address: str) -> None:
        """Opens an address."""
        self.command("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def back(self) -> None:
        """Goes back by one step of the history."""
        self.command("browsingContext.traverseHistory", context=self._tab, delta=-1)

    def ask(self, script: str) -> object:
        """The value of an expression in the page, as JSON holds it."""
        found = self.command(
            "script.evaluate",
            expression=f"Promise.resolve({script}).then(value => JSON.stringify(value ?? null))",
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])

    def until(self, script: str) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + SECONDS
        while not self.ask(f"Boolean({script})"):
            assert time.monotonic() < end, f"waited a minute for {script}"
            time.sleep(0.1)

    def press(self, selector: str) -> None:
        """Clicks on the first element that a selector finds."""
        self.until(f"document.querySelector({json.dumps(selector)})")
        self.ask(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, path: Path) -> None:
        """Writes a PNG of what is seen."""
        found = self.command("browsingContext.captureScreenshot", context=self._tab)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def started(firefox: str, folder: Path) -> Iterator[Firefox]:
    """A Firefox with a profile of its own in a folder."""
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in SETTINGS.items())
    (folder / "user.js").write_text("\n".join(lines))
    command = [
        firefox,
        "--headless",
        "--no-remote",
        "--profile",
        str(folder),
        "--remote-debugging-port=0",
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line):
                break
        else:
            raise AssertionError("Firefox ended before it could be driven")
        with connect(f"{found[1]}/session", max_size=None, open_timeout=SECONDS) as socket:
            yield Firefox(socket)
    finally:
        process.kill()
        process.wait()
