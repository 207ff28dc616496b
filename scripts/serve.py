"""Serve the built book on this machine, until Ctrl-C.

python scripts/serve.py _build/html [8000]
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

TRIES = 20


class Quiet(SimpleHTTPRequestHandler):
    """Serve files without a line for each."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def listen(folder: str, first: int) -> ThreadingHTTPServer:
    """Take the first free port."""
    handler = partial(Quiet, directory=folder)
    for port in range(first, first + TRIES):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:
            continue
    sys.exit(
        f"ports {first} to {first + TRIES - 1} are taken: name another"
    )


def main() -> None:
    """Serve the folder of the command line."""
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    with listen(sys.argv[1], first) as server:
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"Serving {address} (end with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
