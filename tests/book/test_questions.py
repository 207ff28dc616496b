"""The questions page: its examples run, its numbers are found."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
import take_away

BOOK = Path(__file__).parents[2] / "book"
PAGE = BOOK / "questions.md"
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
CODE = re.compile(r"```python\n(.*?)```\n?", re.DOTALL)
THREAD = re.compile(
    r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+"
)
NUMBER = re.compile(r"(?<![\w.-])[+-]?\d[\d,]*(?:\.\d+)?(?![\w-])")
ELSEWHERE = {  # numbers that no cell of the book computes, and whose
    "0.06": "pytorch/issues/104601",
    "30.7": "pytorch/issues/104601",
    "0.75": "mae/issues/80",
    "0.65": "mae/issues/80",
    "256": "keras/layers/MultiHeadAttention",
}


def answers() -> dict[str, str]:
    """Each question with its answer."""
    pieces = re.split(r"^### (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    end = re.compile(r"^(?:## |```\{index\})", re.MULTILINE)
    bodies = [end.split(text)[0] for text in pieces]
    return dict(zip(bodies[1::2], bodies[2::2], strict=True))


ANSWERS = answers()
every_question = pytest.mark.parametrize("question", ANSWERS)


def prose(question: str) -> str:
    """An answer without its example, and without what is linked."""
    text = LINK.sub("", CODE.sub("", ANSWERS[question]))
    return re.sub(r"[Cc]hapter \d+", "", text).strip()


def anchor_of(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    heading = re.sub(r"[^\w\s-]", "", heading.lower())
    return re.sub(r"\s", "-", heading.strip())


@cache
def sections(page: str) -> dict[str, str]:
    """All that stands below each heading of a notebook, outputs too."""
    found, anchor = {"": ""}, ""
    cells = json.loads((BOOK / page).read_text())["cells"]
    for cell in cells:
        text = "".join(cell["source"]) + "\n"
        for output in cell.get("outputs", []):
            text += "".join(output.get("text", []))
            text += "".join(output.get("data", {}).get("text/plain", []))
            text += "\n"
        for line in text.splitlines():
            if cell["cell_type"] == "markdown" and line.startswith("## "):
                anchor = anchor_of(line[3:])
            found[anchor] = found.get(anchor, "") + line + "\n"
    return found


def behind(question: str) -> str:
    """What stands where the links of an answer lead, and its example."""
    text = "\n".join(CODE.findall(ANSWERS[question]))
    for _, target in LINK.findall(ANSWERS[question]):
        if target.endswith(".md"):
            text += (BOOK / target).read_text()
        elif target.startswith(("0", "1", "c", "p")):
            page, _, anchor = target.partition("#")
            known = sections(page)
            text += known[anchor] if anchor else "".join(known.values())
    return text


def slow(code: str) -> list:
    """What loads half of torch is left to `make test-all`."""
    return [pytest.mark.long] if "torch.utils.checkpoint" in code else []


def examples() -> list:
    """Each example with what it prints, of both pages that have some."""
    found = [
        pytest.param(code, id=question[:40], marks=slow(code))
        for question, answer in ANSWERS.items()
        for code in CODE.findall(answer)
    ]
    text = (BOOK / "take_away.md").read_text()
    return [*found, pytest.param("".join(CODE.findall(text)), id="vit.py")]


@pytest.mark.parametrize("code", examples())
def test_an_example_prints_what_it_says(code, capsys, monkeypatch):
    monkeypatch.syspath_prepend(take_away.TARGET.parent)
    said = re.findall(r"^# (.*)$", code, flags=re.MULTILINE)
    assert said
    exec(code, {})
    assert capsys.readouterr().out.splitlines() == said


@every_question
def test_each_number_stands_where_the_answer_leads(question):
    source = behind(question)
    for number in NUMBER.findall(re.sub(r"`[^`]*`", "", prose(question))):
        number = number.rstrip(",")
        if ELSEWHERE.get(number, "nowhere") in ANSWERS[question]:
            continue
        assert re.search(
            rf"(?<![\d.]){re.escape(number)}(?!\d)", source
        ), number


@every_question
def test_an_answer_is_short_and_leads_on(question):
    text = LINK.sub(r"\1", CODE.sub("", ANSWERS[question]))
    sentences = re.split(r"(?<=[.?:])\s+", text.strip())
    said = [one for one in sentences if one.endswith((".", ":"))]
    said = [one for one in said if not one.startswith("Asked")]
    assert 2 <= len(said) <= 6, said
    leads = [target for _, target in LINK.findall(ANSWERS[question])]
    assert [t for t in leads if re.match(r"\w+\.(ipynb|md)(#|$)", t)]


def test_twenty_threads_are_linked():
    threads = {found[0] for found in THREAD.finditer(PAGE.read_text())}
    assert len(threads) >= 20
    assert len({address.split("/")[4] for address in threads}) >= 10


@pytest.mark.parametrize("code", CODE.findall(PAGE.read_text()))
def test_an_example_fits_a_page(code):
    assert max(map(len, code.splitlines())) <= 75
