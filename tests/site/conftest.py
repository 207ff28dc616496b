"""The built site, served; without one its tests fail at once."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from built_site import SITE


@pytest.fixture(scope="module", autouse=True)
def _site():
    """Fail, and say how to go on, where the site has not been built."""
    if not (SITE / "book" / "index.html").is_file():
        pytest.fail("no _build/html: run `make book`", pytrace=False)


class Quiet(SimpleHTTPRequestHandler):
    """Serve the site and say nothing."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def server():
    handler = functools.partial(Quiet, directory=SITE)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
