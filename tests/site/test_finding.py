"""The site's own search, asked in the words in which people ask."""

import json
import re
from functools import cache

import pytest
from built_site import SITE, html, watch
from sphinx.search.en import SearchEnglish

QUESTIONS = "book/questions"
WORDS = [  # what is typed, and the question that it must lead to
    ("onnx", "export to ONNX"),
    ("TorchScript", "export to ONNX"),
    ("freeze", "freeze the backbone"),
    ("fine-tune", "freeze the backbone"),
    ("DataLoader", "Can fit take a DataLoader"),
    ("mixup", "Can fit take a DataLoader"),
    ("output_attentions", "output_attentions"),
    ("sdpa", "output_attentions"),
    ("MPS", "MPS"),
    ("own dataset", "own dataset"),
    ("custom dataset", "own dataset"),
    ("attention maps", "draw attention maps"),
    ("cls token", "Why a CLS token"),
    ("pretrained weights", "load pretrained weights"),
    ("missing keys", "load pretrained weights"),
    ("warmup", "warmup"),
    ("NaN", "My loss is NaN"),
    ("fp16", "My loss is NaN"),
    ("out of memory", "out of memory"),
    ("registers", "register tokens"),
    ("gradient checkpointing", "gradient checkpointing"),
    ("torch.compile", "torch.compile"),
    ("greyscale", "greyscale"),
    ("layer_decay", "layer-wise learning rate decay"),
    ("rollout", "Rollout"),
    ("per-class accuracy", "accuracy of each class"),
]


@cache
def index() -> dict:
    text = (SITE / "searchindex.js").read_text()
    return json.loads(text[len("Search.setIndex(") : text.rindex(")")])


def anchors_for(asked: str) -> list[str]:
    """Where on the page the index leads, by the rule of Sphinx's script.

    An entry has what is typed in it, and is at most twice as long.
    """
    page = index()["docnames"].index(QUESTIONS)
    asked = asked.lower()
    return [
        anchor
        for entry, places in index()["indexentries"].items()
        if asked in entry and len(asked) >= len(entry) / 2
        for place, anchor, _ in places
        if place == page
    ]


def heading_behind(anchor: str) -> str:
    """The next heading below an anchor of the page."""
    text = html(QUESTIONS).read_text().split(f'id="{anchor}"')[1]
    return re.search(r"<h3>(.*?)<a", text, re.DOTALL)[1]


@pytest.mark.parametrize(("asked", "title"), WORDS)
def test_what_people_type_leads_to_its_question(asked, title):
    headings = [heading_behind(anchor) for anchor in anchors_for(asked)]
    assert any(title in heading for heading in headings), headings


@pytest.mark.parametrize("word", ["torchsummary", "clinic", "Swin"])
def test_words_of_answers_are_found_too(word):
    page = index()["docnames"].index(QUESTIONS)
    stem, found = SearchEnglish({}).stem(word.lower()), set()
    for kind in ("terms", "titleterms"):
        pages = index()[kind].get(stem, [])
        found |= {pages} if isinstance(pages, int) else set(pages)
    assert page in found


@pytest.mark.long
def test_a_browser_finds_the_question(browser):
    tab = browser.new_page()
    complaints = watch(tab, "file://")
    for asked in ("onnx", "freeze", "DataLoader", "mps", "own dataset"):
        tab.goto(f"{html('search').as_uri()}?q={asked}")
        first = tab.locator("#search-results a[href*='questions.html#']")
        first.first.wait_for()
        first.first.click()
        tab.wait_for_url("**/questions.html*")
        heading = tab.locator("h3", has_text=asked).first
        assert heading.evaluate(
            """(heading) => {
              const { top } = heading.getBoundingClientRect();
              return 0 <= top && top < window.innerHeight / 2;
            }"""
        ), asked
    tab.close()
    assert complaints == []
