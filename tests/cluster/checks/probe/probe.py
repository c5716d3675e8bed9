"""Says who it is to whoever asks; what pip brought is named in its log."""

import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version


class Handler(BaseHTTPRequestHandler):
    """Answers each GET with this pod's name."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(socket.gethostname().encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the log to the one line."""


print(f"listening, with six {version('six')}", flush=True)
ThreadingHTTPServer(("", 8080), Handler).serve_forever()
