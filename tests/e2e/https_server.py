# SPDX-License-Identifier: MIT
"""A local HTTPS server for tests/e2e/https.sh, with the faults that a download must survive or refuse.

    https_server.py FOLDER NAME=CERTIFICATE,KEY ...

One listener on 127.0.0.1 for each NAME, on a port of the system's choice: FOLDER/NAME.port holds it once the server listens.
FOLDER/NAME.log gets a line a request ("GET /path"). Paths:

    /file/X        the bytes of FOLDER/X
    /secret/X      the same for user "user" with password "s3cret", else 401
    /short/X       announces 1,000 bytes more than it sends
    /chunk/X       chunked, and cut before the last chunk
    /flaky/X       503 at the first request for it, then the bytes
    /to/SCHEME/X   redirects: `https` to /file/X here, `file` to file://FOLDER/X, `loop` to itself
    anything else  404
"""

import base64
import http.server
import os
import ssl
import sys
import threading

FOLDER = sys.argv[1]
AUTHORIZED = "Basic " + base64.b64encode(b"user:s3cret").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self):
        with open(os.path.join(FOLDER, self.server.name + ".log"), "a", encoding="utf-8") as log:
            log.write(f"{self.command} {self.path}\n")

    def answer(self, status, body=b"", announced=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if announced is None else announced))
        self.end_headers()
        self.wfile.write(body)
        if announced is not None:
            self.close_connection = True

    def chunked(self, body):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        self.close_connection = True

    def redirect(self, scheme, name):
        targets = {
            "https": f"/file/{name}",
            "file": f"file://{FOLDER}/{name}",
            "loop": self.path,
        }
        self.answer(302, Location=targets[scheme])

    def do_GET(self):
        self.note()
        kind, _, name = self.path.split("?")[0].lstrip("/").partition("/")
        if kind == "to":
            self.redirect(*name.split("/", 1))
            return
        try:
            with open(os.path.join(FOLDER, name), "rb") as file:
                body = file.read()
        except OSError:
            kind = "missing"
        if kind == "file" or (kind == "secret" and self.headers.get("Authorization") == AUTHORIZED):
            self.answer(200, body)
        elif kind == "secret":
            self.answer(401, b"who are you?\n", WWW_Authenticate='Basic realm="test"')
        elif kind == "short":
            self.answer(200, body, announced=len(body) + 1000)
        elif kind == "chunk":
            self.chunked(body)
        elif kind == "flaky" and self.path not in self.server.seen:
            self.server.seen.add(self.path)
            self.answer(503, b"later\n")
        elif kind == "flaky":
            self.answer(200, body)
        else:
            self.answer(404, b"no such thing\n")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that refuses the certificate is what some tests are about


def listen(name, certificate, key):
    server = Server(("127.0.0.1", 0), Handler)
    server.name = name
    server.seen = set()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port_file = os.path.join(FOLDER, name + ".port")
    with open(port_file + ".tmp", "w", encoding="utf-8") as file:
        file.write(f"{server.server_address[1]}\n")
    os.rename(port_file + ".tmp", port_file)


for argument in sys.argv[2:]:
    listener, _, files = argument.partition("=")
    listen(listener, *files.split(","))
threading.Event().wait()
