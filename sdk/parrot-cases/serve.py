"""A server to try a plugin on: answers every POST with one of the cases, or with a fixture. `python3 serve.py [CASE|DIRECTORY] [PORT]`"""

import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

case = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "normal")
if not case.is_dir():
    case = pathlib.Path(__file__).parent / case
port = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
meta = json.loads((case / "response.meta.json").read_text())
body = (case / "response.bin").read_bytes()


class Answer(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers.get("content-length", 0)))
        print(self.path, asked.decode("utf-8", "replace"))
        self.send_response(meta["status"])
        for name, value in meta["headers"]:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
