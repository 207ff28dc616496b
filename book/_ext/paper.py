"""Write for paper what a page has folded for the screen.

A solution does not stand under its exercise there: a line says where all
solutions stand. The answers of a quiz stand at the end of the page. The
style sheet shows these on paper alone, where it leaves the folds out (see
"On paper" in book.css). A listing that may fill a page is called long: a
page may end within it.
"""

import re

SOLUTION = re.compile(r"<details>(?=\s*<summary>Solution</summary>)")
PLACE = """\
<p class="vit-paper">The solution stands on the page \
<a class="reference internal" href="{page}">Solutions</a>.</p>
<details class="vit-solution">"""
QUIZ = re.compile(
    r"<h[23]>(?P<heading>.*?)(?:<a class=\"headerlink\".*?)?</h[23]>"
    r"|<summary>The answers</summary>(?P<answers>.*?)</details>",
    re.DOTALL,
)
LISTING = re.compile(
    r'(<div class="highlight-)(?=[^>]*><div class="highlight"><pre>'
    r"(?P<lines>.*?)</pre>)",
    re.DOTALL,
)
LONG = 40  # lines; some fifty are a page
ANSWERS = """
<div class="vit-paper">
<h2>The answers</h2>
{quizzes}
</div>
"""


def answers_of(body: str) -> list[tuple[str, list[str]]]:
    """Give each quiz's answers, behind the heading above it."""
    heading, quizzes = "", []
    for found in QUIZ.finditer(body):
        if found["heading"]:
            heading = found["heading"]
        elif quizzes and quizzes[-1][0] == heading:
            quizzes[-1][1].append(found["answers"])
        else:
            quizzes.append((heading, [found["answers"]]))
    return quizzes


def as_html(quizzes: list[tuple[str, list[str]]]) -> str:
    """Write the end of a page: all answers, numbered as the questions."""
    parts = []
    for heading, answers in quizzes:
        title = f"<h3>{heading}</h3>\n" if len(quizzes) > 1 else ""
        items = "\n".join(f"<li>{answer}</li>" for answer in answers)
        parts.append(f"{title}<ol>\n{items}\n</ol>")
    return ANSWERS.format(quizzes="\n".join(parts))


def name_long(found: re.Match) -> str:
    """Let a listing say that it is long, where it is."""
    if found["lines"].count("\n") <= LONG:
        return found[0]
    return found[0].replace("highlight-", "vit-long highlight-")


def for_paper(body: str) -> str:
    """Add to a page's HTML what is for paper alone."""
    body = LISTING.sub(name_long, body)
    if SOLUTION.search(body):
        chapter = re.search(r'<section [^>]*id="([^"]+)"', body)[1]
        place = PLACE.format(page=f"solutions.html#{chapter}")
        body = SOLUTION.sub(place, body)
    quizzes = answers_of(body)
    return body + as_html(quizzes) if quizzes else body


def add_paper(app, pagename, templatename, context, doctree) -> None:
    """Add it to a page that is being written."""
    if context.get("body"):
        context["body"] = for_paper(context["body"])


def setup(app) -> dict:
    """Connect to Sphinx, before live.py adds its scripts to the page."""
    app.connect("html-page-context", add_paper, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
