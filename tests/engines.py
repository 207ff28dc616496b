"""Firefox and WebKit, driven alike, where this machine has them.

    with firefox() as engine:
        engine.open("file:///...")
        engine.ask("document.title")
        engine.act(pointer("move", 3, 4), pointer("down"), pointer("up"))

Debian's firefox-esr is driven over WebDriver BiDi, which it speaks
itself; WebKitGTK's small browser by selenium, on a screen that nobody
sees. What is asked for comes back as JSON.
"""

import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import websocket
from selenium import webdriver
from selenium.webdriver import webkitgtk

SIZE = 1280, 900
PATIENCE = 60  # seconds: it only bounds what hangs
LITTLE_BROWSERS = "/usr/lib/*/webkit2gtk-4.*/MiniBrowser"
NO_ACCELERATION = {
    "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
    "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
}


# Wherever a proxy leads, who listens on this machine is asked directly.
os.environ["no_proxy"] = "localhost,127.0.0.1"


def missing(name: str) -> str:
    """Say what this machine lacks for an engine, or ''."""
    if name == "firefox":
        return "" if shutil.which("firefox-esr") else "no firefox-esr"
    wanted = [
        n for n in ("WebKitWebDriver", "Xvfb") if not shutil.which(n)
    ]
    if not little_browser():
        wanted.append("MiniBrowser")
    return f"no {', no '.join(wanted)}" if wanted else ""


def little_browser() -> str:
    """Find WebKitGTK's own browser, or give ''."""
    root, pattern = LITTLE_BROWSERS[:1], LITTLE_BROWSERS[1:]
    return next(map(str, sorted(Path(root).glob(pattern))), "")


def pointer(kind: str, x: float = 0, y: float = 0) -> dict:
    """Name a movement of the mouse, or "down" and "up"."""
    if kind == "move":
        return {"type": "pointerMove", "x": round(x), "y": round(y)}
    return {"type": f"pointer{kind.title()}", "button": 0}


def key(value: str) -> list[dict]:
    """Name the press of a key, by WebDriver's name of it."""
    kinds = "keyDown", "keyUp"
    return [{"type": kind, "value": value} for kind in kinds]


def sources(actions: list[dict]) -> list[dict]:
    """Give the actions of one device as WebDriver wants them."""
    if actions[0]["type"].startswith("key"):
        return [{"type": "key", "id": "keys", "actions": actions}]
    mouse = {"pointerType": "mouse"}
    return [
        {
            "type": "pointer",
            "id": "mouse",
            "parameters": mouse,
            "actions": actions,
        }
    ]


class Firefox:
    """A Firefox that listens for WebDriver BiDi."""

    def __init__(self, address: str) -> None:
        self.numbers = itertools.count(1)
        self.socket = websocket.create_connection(
            f"{address}/session", PATIENCE, suppress_origin=True
        )
        self.send("session.new", capabilities={})
        tree = self.send("browsingContext.getTree", maxDepth=0)
        self.tab = tree["contexts"][0]["context"]
        width, height = SIZE
        self.send(
            "browsingContext.setViewport",
            context=self.tab,
            viewport={"width": width, "height": height},
        )

    def send(self, method: str, **params) -> dict:
        """Send a command, wait for its answer."""
        number = next(self.numbers)
        command = {"id": number, "method": method, "params": params}
        self.socket.send(json.dumps(command))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                break
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def open(self, address: str) -> None:
        """Load a page, wait until it is loaded."""
        self.send(
            "browsingContext.navigate",
            context=self.tab,
            url=address,
            wait="complete",
        )

    def ask(self, expression: str):
        """Give what an expression of JavaScript is."""
        found = self.send(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self.tab},
            awaitPromise=False,
        )
        if found["type"] != "success":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"].get("value", "null"))

    def act(self, *actions: dict) -> None:
        """Move the mouse or press keys, as a reader would."""
        self.send(
            "input.performActions",
            context=self.tab,
            actions=sources(list(actions)),
        )


class WebKit:
    """WebKitGTK's little browser, behind selenium."""

    def __init__(self, driver) -> None:
        self.driver = driver
        driver.set_window_size(*SIZE)

    def open(self, address: str) -> None:
        """Load a page, wait until it is loaded."""
        self.driver.get(address)

    def ask(self, expression: str):
        """Give what an expression of JavaScript is."""
        found = self.driver.execute_script(
            f"return JSON.stringify({expression})"
        )
        return json.loads(found or "null")

    def act(self, *actions: dict) -> None:
        """Move the mouse or press keys, as a reader would."""
        self.driver.execute("actions", {"actions": sources(list(actions))})


@contextmanager
def firefox():
    """Start Firefox, with nothing that it knew before."""
    with tempfile.TemporaryDirectory() as profile:
        process = subprocess.Popen(
            [
                *("firefox-esr", "--headless", "--no-remote"),
                *("--profile", profile, "--remote-debugging-port", "0"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said = (re.search(r"ws://\S+", s) for s in process.stderr)
            engine = Firefox(next(filter(None, said))[0])
            yield engine
            engine.send("browser.close")
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.stderr.close()


@contextmanager
def screen():
    """Give the number of a screen that nobody sees."""
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x1000x24"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        yield f":{pipe.readline().strip()}"
    process.terminate()
    process.wait()


@contextmanager
def webkit():
    """Start WebKitGTK's little browser on a screen of its own."""
    options = webkitgtk.options.Options()
    options.binary_location = little_browser()
    options.add_argument("--automation")
    options.set_capability("browserName", "MiniBrowser")
    with screen() as display:
        more = {
            "DISPLAY": display,
            "GDK_BACKEND": "x11",
            **NO_ACCELERATION,
        }
        driver = webdriver.WebKitGTK(
            options=options,
            service=webkitgtk.service.Service(
                shutil.which("WebKitWebDriver"), env={**os.environ, **more}
            ),
        )
        try:
            yield WebKit(driver)
        finally:
            driver.quit()


ENGINES = {"firefox": firefox, "webkit": webkit}
