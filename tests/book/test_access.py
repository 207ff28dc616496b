"""What the build adds to the theme for whoever hears a page."""

import pytest
from extensions import extension
from sphinx.errors import ExtensionError

access = extension("access")
BUTTON = '<button class="btn theme-switch-button pst-js-only"'
CHROME = f"""<div id="pst-primary-sidebar" class="bd-sidebar"></div>
<dialog id="pst-search-dialog"></dialog>
<dialog id="pst-primary-sidebar-modal"></dialog>
<button class="btn search-button-field" aria-label="Search">Search</button>
{BUTTON} aria-label="Color mode"><svg></svg></button>"""
HEADS = """<thead><tr><th class="head text-right"><p></p></th>
<th class="head"><p>ours</p></th></tr></thead>
<tbody><tr><td><p></p></td></tr></tbody>"""


def test_what_the_theme_leaves_nameless_gets_a_name():
    page = access.named(CHROME)
    assert page.count('aria-label="The book"') == 2
    assert '"pst-primary-sidebar" role="complementary"' in page
    assert '<dialog id="pst-search-dialog" aria-label="Search">' in page


def test_a_button_with_words_has_no_other_name():
    page = access.named(CHROME)
    assert '<button class="btn search-button-field">Search' in page
    spoken = '<span class="visually-hidden">Color mode: </span>'
    assert f"{BUTTON}>{spoken}<svg>" in page


@pytest.mark.parametrize("part", CHROME.splitlines())
def test_another_theme_is_noticed(part):
    with pytest.raises(ExtensionError, match="no longer"):
        access.named(CHROME.replace(part, ""))


def test_only_a_corner_that_heads_nothing_becomes_a_cell():
    changed = access.without_empty_heads(HEADS)
    assert '<td class="head text-right"><p></p></td>' in changed
    assert '<th class="head"><p>ours</p></th>' in changed
    assert changed.count("<td") == 2
