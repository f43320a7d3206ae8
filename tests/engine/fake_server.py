"""Stands in for vLLM's server where only its life and death matter.

    python fake_server.py healthy|sick|failing --port PORT

It has a child, as vLLM has, and both are deaf to SIGTERM.
"""

import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers everything with one status."""

    status = 200

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(self.status)
        self.end_headers()


if __name__ == "__main__":
    how, port = sys.argv[1], int(sys.argv[sys.argv.index("--port") + 1])
    if how == "failing":
        sys.exit("no such model")
    if how == "sick":
        Handler.status = 503
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print(f"child {child.pid}", flush=True)
    HTTPServer(("127.0.0.1", port), Handler).serve_forever()
