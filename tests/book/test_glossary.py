"""The glossary has every term and leads to where each is built."""

import json
import re
from pathlib import Path

import pytest
from extensions import extension

BOOK = Path(__file__).resolve().parents[2] / "book"
TEXT = (BOOK / "glossary.md").read_text()
ENTRIES = re.findall(r"^(\S[^\n]*)\n  ([^\n]+)$", TEXT, re.MULTILINE)
CHAPTER = re.compile(r"\[Chapter (\d+)\]\(((\d\d)_\w+\.ipynb)\)", re.I)
# Words that stand in the text before anything has explained them.
ASKED = (
    "autocast GELU head hybrid logit norm temperature top-1 TPUv3-8 Xavier"
)
terms = extension("terms")


def prose(name):
    cells = json.loads((BOOK / name).read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    return " ".join(" ".join(sources).split()).lower()


def test_the_page_is_read_by_what_links_to_it():
    assert sorted(terms.terms_of(TEXT)) == sorted(t for t, _ in ENTRIES)


def test_the_terms_stand_in_order():
    names = [term.lower() for term, _ in ENTRIES]
    assert names == sorted(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("word", ASKED.split())
def test_what_readers_asked_for_is_explained(word):
    assert any(term.startswith(word) for term, _ in ENTRIES)


@pytest.mark.parametrize(("term", "words"), ENTRIES)
def test_an_entry_leads_to_chapters_that_speak_of_it(term, words):
    links = CHAPTER.findall(words)
    assert links
    for number, name, of_name in links:
        assert int(number) == int(of_name)
        stem = term.split(",")[0].split(" and ")[0].lower()
        assert stem in prose(name)


@pytest.mark.parametrize(
    ("term", "text", "found"),
    [
        ("token", "The tokens of chapter 4", "tokens"),
        ("token", "It was tokenised", None),
        ("GELU", "a gelu", "gelu"),
        ("top-1 accuracy", "Top-1 accuracy is", "Top-1 accuracy"),
    ],
)
def test_a_term_is_found_as_a_whole_word(term, text, found):
    match = terms.pattern_of(term).search(text)
    assert (match and match[0]) == found
