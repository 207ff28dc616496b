"""Firefox and WebKit read the built site, as Chromium does elsewhere.

Each page writes down its own complaints: a recorder stands before all
else in a copy of the site, whose other files are the site's.
"""

import pytest
from built_site import MADE, PAGES, SITE, figures_of, serve
from engines import ENGINES, key, missing, pointer
from live_page import ARRIVED
from looking import DRAWN, MATHS

pytestmark = pytest.mark.engines

RECORDER = """<head><script>
window.complaints = [];
addEventListener("error", (event) => complaints.push(event.message ??
  `failed: ${event.target.src ?? event.target.href}`), true);
addEventListener("unhandledrejection", (event) =>
  complaints.push(String(event.reason)));
for (const kind of ["error", "warn"]) {
  const say = console[kind];
  console[kind] = (...words) => {
    complaints.push(words.join(" "));
    say.apply(console, words);
  };
}
</script>"""
BOTH_WAYS = (
    "book/index",
    "book/05_attention",
    "book/11_pretrained",
    "search",
)
PAD = "document.querySelector('[data-figure=digit_pad]')"
BOX = f"""(({{ x, y, width }}) => [x, y, width / 28])(
  {PAD}.querySelector(".vit-pad").getBoundingClientRect())"""
DOWN, UP, DELETE = "\ue015", "\ue013", "\ue017"


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    """Where the copy is to be found: on disk, and served."""
    copy = tmp_path_factory.mktemp("site")
    for path in SITE.rglob("*"):
        other = copy / path.relative_to(SITE)
        if path.is_dir():
            other.mkdir(exist_ok=True)
        elif path.suffix == ".html":
            page = path.read_text(encoding="utf-8")
            page = page.replace("<head>", RECORDER, 1)
            other.write_text(page, encoding="utf-8")
        else:
            other.symlink_to(path)
    with serve(copy) as address:
        yield {"file": copy.as_uri(), "http": address}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    if lacking := missing(request.param):
        pytest.skip(f"{lacking} on this machine")
    with ENGINES[request.param]() as engine:
        yield engine


def wait_for(engine, expression, wanted):
    """Ask until the page says it: an answer may take many frames."""
    for _ in range(5000):  # it only bounds what hangs
        if (found := engine.ask(expression)) == wanted:
            return
    pytest.fail(f"{expression}: {found}, not {wanted}")


def faults_of(engine, page, address):
    """Open a page; say what of it is not as it should be."""
    engine.open(address)
    wait_for(engine, ARRIVED, wanted=True)
    maths = engine.ask(f"({MATHS})()")
    faults = list(engine.ask("window.complaints"))
    if (drawn := engine.ask(f"({DRAWN})()")) != figures_of(page):
        faults.append(f"alive are {drawn}")
    if maths["drawn"] != maths["written"]:
        faults.append(f"formulas: {maths}")
    return [f"{address}: {fault}" for fault in faults]


def test_every_page_opens_and_its_figures_are_alive(engine, homes):
    faults = []
    for page in PAGES + MADE:
        for way, home in homes.items():
            if way == "file" or page in BOTH_WAYS:
                faults += faults_of(engine, page, f"{home}/{page}.html")
    assert faults == []


@pytest.mark.long
def test_every_page_opens_from_a_server(engine, homes):
    faults = []
    for page in PAGES + MADE:
        faults += faults_of(engine, page, f"{homes['http']}/{page}.html")
    assert faults == []


@pytest.mark.parametrize("way", ["file", "http"])
def test_a_digit_is_drawn_by_mouse_and_by_keys(way, engine, homes):
    engine.open(f"{homes[way]}/book/index.html")
    answer = f"{PAD}.dataset.answer"
    wait_for(engine, answer, "5")
    engine.ask(f"({PAD}.scrollIntoView(), 0)")
    x, y, side = engine.ask(BOX)
    points = [(8, 6), (14, 6), (20, 6), (16, 15), (13, 23)]
    moves = [
        pointer("move", x + a * side, y + b * side) for a, b in points
    ]
    engine.act(moves[0], pointer("down"), *moves[1:], pointer("up"))
    wait_for(engine, answer, "7")
    engine.ask(f"({PAD}.querySelector('.vit-pad').focus(), 0)")
    engine.act(*key(DELETE))
    wait_for(engine, answer, "")
    engine.act(*key("3"))
    wait_for(engine, answer, "3")
    engine.act(*key(DELETE), *key(UP) * 9, *key(" "))
    engine.act(*key(DOWN) * 18, *key(" "))
    wait_for(engine, answer, "1")
    assert engine.ask("window.complaints") == []
