"""The widgets with a kernel: drawn in JupyterLab, read in Python."""

import os
import shutil
import socket
import subprocess
import sys
import time

import nbformat
import pytest
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
PATIENCE = 120
CELLS = [
    "from vitlib.teach.live import DigitPad\n\npad = DigitPad()\npad",
    "from vitlib.teach import digit_reader\n\n"
    'print("Python reads", digit_reader()(pad.image).argmax().item())',
    "from vitlib.teach import digits\n\n"
    'images, labels = digits("validation")\n'
    "pad.image = images[labels == 3][:1]",
]


def wait_for(port, process):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        assert process.poll() is None, "JupyterLab has ended"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("JupyterLab does not answer")


@pytest.fixture
def lab(tmp_path):
    """JupyterLab with one notebook, on a port of its own."""
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    nbformat.write(notebook, tmp_path / "pad.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{kind}_DIR" for kind in ("CONFIG", "DATA", "RUNTIME")}
    folders = {name: str(tmp_path / name) for name in own}
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--allow-root"),
            *(
                "--no-browser",
                f"--port={port}",
                f"--notebook-dir={tmp_path}",
            ),
            *("--IdentityProvider.token=", "--ServerApp.password="),
        ],
        env={**os.environ, **folders},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}/lab/tree/pad.ipynb"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def tab():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=FLAGS
        )
        tab = browser.new_page(viewport={"width": 1200, "height": 1000})
        tab.set_default_timeout(PATIENCE * 1000)
        yield tab
        browser.close()


def run_cell(tab, number):
    cell = tab.locator(".jp-Notebook .jp-Cell .cm-content").nth(number)
    cell.click()
    tab.keyboard.press("Shift+Enter")


def test_a_drawing_goes_to_python_and_back(lab, tab):
    tab.goto(lab)
    run_cell(tab, 0)
    pad = "[data-figure=digit_pad][data-ready]"
    tab.wait_for_selector(f"{pad}[data-answer='5']")
    box = tab.locator(f"{pad} .vit-pad").bounding_box()
    side = box["width"] / 28
    tab.mouse.move(box["x"] + 14 * side, box["y"] + 4 * side)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 14 * side, box["y"] + 23 * side, steps=8)
    tab.mouse.up()
    tab.wait_for_selector(f"{pad}[data-answer='1']")
    run_cell(tab, 1)
    tab.get_by_text("Python reads 1", exact=True).wait_for()
    run_cell(tab, 2)
    tab.wait_for_selector(f"{pad}[data-answer='3']")
