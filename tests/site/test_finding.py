"""The site's own search, asked in the words in which people ask."""

import json
from functools import cache

import pytest
from built_site import SITE, html, watch
from sphinx.search.en import SearchEnglish

QUESTIONS = "book/questions"
WORDS = [  # what is typed, and a question that must be found by it
    ("onnx", "export to ONNX"),
    ("torchscript", "export to ONNX"),
    ("freeze", "freeze the backbone"),
    ("fine-tune", "freeze the backbone"),
    ("DataLoader", "DataLoader"),
    ("output_attentions", "output_attentions"),
    ("sdpa", "output_attentions"),
    ("MPS", "MPS"),
    ("own dataset", "own dataset"),
    ("attention maps", "draw attention maps"),
    ("cls", "Why a CLS token"),
    ("pretrained weights", "load pretrained weights"),
    ("warmup", "warmup"),
    ("nan fp16", "NaN"),
    ("out of memory", "out of memory"),
    ("mixup", "mixup"),
    ("registers", "register tokens"),
    ("gradient checkpointing", "gradient checkpointing"),
    ("torch.compile", "torch.compile"),
    ("greyscale", "greyscale"),
    ("layer-wise decay", "layer-wise learning rate decay"),
]


@cache
def index() -> dict:
    text = (SITE / "searchindex.js").read_text()
    return json.loads(text[len("Search.setIndex(") : text.rindex(")")])


def pages_with(word: str, where: str) -> set[int]:
    """Pages that have a word, in what Sphinx's script looks up."""
    stem = SearchEnglish({}).stem(word.lower())
    found = index()[where].get(stem, [])
    return {found} if isinstance(found, int) else set(found)


@pytest.mark.parametrize(("asked", "title"), WORDS)
def test_what_people_type_leads_to_the_questions(asked, title):
    page = index()["docnames"].index(QUESTIONS)
    for word in asked.replace("-", " ").replace(".", " ").split():
        if word not in ("of", "out"):
            found = pages_with(word, "titleterms") | pages_with(
                word, "terms"
            )
            assert page in found, word
    headings = [
        heading
        for heading, places in index()["alltitles"].items()
        if title.lower() in heading.lower()
        and any(place == page for place, _ in places)
    ]
    assert headings


@pytest.mark.long
def test_the_result_leads_to_the_question_itself(browser):
    tab = browser.new_page()
    complaints = watch(tab, "file://")
    for asked in ("onnx", "freeze", "DataLoader", "mps", "own dataset"):
        tab.goto(f"{html('search').as_uri()}?q={asked}")
        first = tab.locator("#search-results li a", has_text="?").first
        first.wait_for()
        address = first.get_attribute("href")
        assert f"{QUESTIONS}.html#" in address, asked
        words = asked.lower().split()
        assert all(word in first.inner_text().lower() for word in words)
    tab.close()
    assert complaints == []
