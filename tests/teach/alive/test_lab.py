"""The widgets with a kernel: drawn in JupyterLab, read in Python."""

import json
import os
import socket
import subprocess
import sys
import threading

import made
import nbformat
import numpy as np
import pytest
from live_page import draw_one, pixels

from vitlib.teach import live
from vitlib.teach.asking.quiz import Quiz
from vitlib.teach.data.examples import EXAMPLES

PATIENCE = 120
PAD = [
    "from vitlib.teach.live import DigitPad\n\npad = DigitPad()\npad",
    "from vitlib.teach import digit_reader\n\n"
    'print("Python reads", digit_reader()(pad.image).argmax().item())',
    "from vitlib.teach import digits\n\n"
    'images, labels = digits("validation")\n'
    "pad.image = images[labels == 3][:1]",
]
PRESSED = {name: made.pressed(name) for name in made.FIGURES}
MAKE = f"""\
import json
import sys

sys.path.insert(0, {str(made.TEACH.parent)!r})
import made

made = {{name: made.figure(name) for name in made.FIGURES}}
display(*made.values())"""
# What a widget says may come by another way than the cell, and later.
ASK = """\
import threading

heard = threading.Condition()


def hear(change):
    with heard:
        heard.notify()


for figure in made.values():
    figure.observe(hear)
traits = lambda: json.dumps([{traits}])
with heard:
    heard.wait_for(lambda: traits() == {wanted!r}, timeout=60)
print("Python has", traits())"""
TRAITS = [f'made["{name}"].{PRESSED[name][2]}' for name in sorted(PRESSED)]
WANTED = json.dumps([PRESSED[name][3] for name in sorted(PRESSED)])
ALL = [
    MAKE,
    ASK.format(traits=", ".join(TRAITS), wanted=WANTED),
]
PHOTOS = [
    "from vitlib.teach.live import PhotoExplorer\n\n"
    "photos = PhotoExplorer()\nphotos",
    'print("Python has", photos.view, photos.block)',
]
NOTEBOOK = "figures.ipynb"


def wait_for(process):
    """Read what JupyterLab says until it gives its address."""
    for line in process.stderr:
        if "is running at" in line:
            return
    pytest.fail("JupyterLab has ended")


def write(path, cells):
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(text) for text in cells]
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab with a notebook, on a port of its own."""
    tmp_path = tmp_path_factory.mktemp("lab")
    write(tmp_path / NOTEBOOK, PAD + ALL + PHOTOS)
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
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(process)
        log = threading.Thread(target=process.stderr.read, daemon=True)
        log.start()
        yield f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def tab(lab, browser):
    """The notebook, open, with a kernel that can be asked."""
    tab = browser.new_page(viewport={"width": 1200, "height": 1000})
    tab.set_default_timeout(PATIENCE * 1000)
    faults = []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto(lab)
    tab.get_by_text("(ipykernel) | Idle").wait_for()
    yield tab
    tab.close()
    assert faults == []


def run_cell(tab, number):
    """Run a cell and give it, with what it will have shown."""
    cell = tab.locator(".jp-Notebook .jp-Cell").nth(number)
    cell.locator(".cm-content").click()
    tab.keyboard.press("Shift+Enter")
    return cell


def test_a_drawing_goes_to_python_and_back(tab):
    run_cell(tab, 0)
    pad = "[data-figure=digit_pad][data-ready]"
    tab.wait_for_selector(f"{pad}[data-answer='5']")
    draw_one(tab)
    tab.wait_for_selector(f"{pad}[data-answer='1']")
    run_cell(tab, 1)
    tab.get_by_text("Python reads 1", exact=True).wait_for()
    run_cell(tab, 2)
    tab.wait_for_selector(f"{pad}[data-answer='3']")


@pytest.mark.long
def test_what_is_pressed_in_a_figure_is_known_in_python(tab):
    shown = run_cell(tab, len(PAD))
    for name, (place, key, _, _) in sorted(PRESSED.items()):
        figure = getattr(live, name, Quiz)._figure
        root = shown.locator(f"[data-figure={figure}][data-ready]")
        root.wait_for()
        root.locator(place).first.press(key)
    run_cell(tab, len(PAD) + 1)
    said = tab.locator("pre", has_text="Python has")
    said.wait_for()
    assert said.inner_text().strip() == f"Python has {WANTED}"


@pytest.mark.long
def test_a_pretrained_model_comes_from_the_installed_package(tab):
    """On the click, in messages; then tokens have colours."""
    first = len(PAD + ALL)
    shown = run_cell(tab, first)
    root = shown.locator("[data-figure=photo_explorer][data-ready]")
    root.wait_for()
    assert root.get_attribute("data-state") == "empty"
    root.get_by_role("button", name="Load the model").click()
    seen = (
        "[data-figure=photo_explorer][data-state=ready][data-waiting='0']"
    )
    tab.wait_for_selector(seen)
    assert root.locator(".vit-photo-thumb").count() == len(EXAMPLES)
    name = "Show the rocket"  # of which there is no first look
    root.get_by_role("button", name=name, exact=True).click()
    root.locator(".vit-choice label", has_text="colours").click()
    root.locator("[type=range]").fill("5")
    root.locator(".vit-verdict", has_text="Red, green and blue").wait_for()
    drawn = pixels(tab, f"{seen} .vit-photo >> nth=1")[14::28, 14::28, :3]
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 100
    run_cell(tab, first + 1)
    tab.get_by_text("Python has colours 5", exact=True).wait_for()
