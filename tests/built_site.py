"""The built site: its pages, and what a browser complains about."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
PAGES = sorted(
    f"book/{path.stem}"
    for kind in ("*.ipynb", "*.md")
    for path in (ROOT / "book").glob(kind)
)
MADE = ["genindex", "search", "_modules/index", "_modules/vitlib/vit"]
NOTEBOOKS = [p for p in PAGES if (ROOT / f"{p}.ipynb").exists()]


def html(page: str) -> Path:
    return SITE / f"{page}.html"


def watch(tab, home: str) -> list[str]:
    """Collect what the browser complains about, and whom it asks."""
    complaints = []

    def asked(request):
        if not request.url.startswith((home, "data:", "blob:")):
            complaints.append(f"asked outside: {request.url}")

    def answered(response):
        if response.status >= 400:
            complaints.append(f"{response.status}: {response.url}")

    def failed(request):
        if request.failure != "net::ERR_ABORTED":  # the page was left
            complaints.append(f"failed: {request.url} {request.failure}")

    def said(message):
        if message.type in ("error", "warning"):
            complaints.append(f"console: {message.text}")

    tab.on("request", asked)
    tab.on("response", answered)
    tab.on("requestfailed", failed)
    tab.on("console", said)
    tab.on("pageerror", lambda e: complaints.append(f"error: {e}"))
    return complaints
