"""Write for paper what a page has folded for the screen.

A solution does not stand under its exercise there: a line says where it
does. Those that a check has passed have a page of their own; others stand
at the end of the page, and so do the answers of a quiz. The
style sheet shows these on paper alone, where it leaves the folds out (see
"On paper" in book.css). A listing that may fill a page is called long: a
page may end within it.
"""

import re

SOLUTION = re.compile(r"<details>(?=\s*<summary>Solution</summary>)")
CHECKED = "tag_exercise"
PLACE = """\
<p class="vit-paper">The solution stands {where}.</p>
<details class="vit-solution">"""
ON_ITS_PAGE = (
    'on the page <a class="reference internal" '
    'href="solutions.html#{chapter}">Solutions</a>'
)
SOLVED = re.compile(
    r"<p><strong>(?P<title>\d+\. [^<]*?)\.?</strong>"
    r"|<summary>Solution</summary>(?P<solution>.*?)</details>",
    re.DOTALL,
)
SOLUTIONS = """
<div class="vit-paper">
<h2>The solutions</h2>
{solutions}
</div>
"""
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


def solutions_of(body: str) -> str:
    """Write the end of a page: its solutions, each under its title."""
    title, parts = "", []
    for found in SOLVED.finditer(body):
        if found["title"]:
            title = found["title"]
        else:
            parts.append(f"<h3>{title}</h3>{found['solution']}")
    return SOLUTIONS.format(solutions="\n".join(parts))


def name_long(found: re.Match) -> str:
    """Let a listing say that it is long, where it is."""
    if found["lines"].count("\n") <= LONG:
        return found[0]
    return found[0].replace("highlight-", "vit-long highlight-")


def for_paper(body: str) -> str:
    """Add to a page's HTML what is for paper alone."""
    body = LISTING.sub(name_long, body)
    quizzes = answers_of(body)
    end = as_html(quizzes) if quizzes else ""
    if SOLUTION.search(body):
        where = "at the end"
        if CHECKED in body:
            chapter = re.search(r'<section [^>]*id="([^"]+)"', body)[1]
            where = ON_ITS_PAGE.format(chapter=chapter)
        else:
            end += solutions_of(body)
        body = SOLUTION.sub(PLACE.format(where=where), body)
    return body + end


def add_paper(app, pagename, templatename, context, doctree) -> None:
    """Add it to a page that is being written."""
    if context.get("body"):
        context["body"] = for_paper(context["body"])


def setup(app) -> dict:
    """Connect to Sphinx, before live.py adds its scripts to the page."""
    app.connect("html-page-context", add_paper, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
