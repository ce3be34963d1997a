"""A small file server on the loopback, and the file that the tests of downloads ask it for."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from rtmpose3d.zoo.remote import OPENMMLAB_URL, RemoteFile

DATA = bytes(range(256)) * 400
PREFIX = hashlib.sha256(DATA).hexdigest()[:8]
NAME = f"net-256x192-{PREFIX}_20240101.pth"
PATH = f"/projects/{NAME}"
HUB_PATH = f"/someone/net/resolve/main/{NAME}"
BY_URL = RemoteFile(name=NAME, urls=(f"{OPENMMLAB_URL}projects/{NAME}",), sha256_prefix=PREFIX)
BY_HUB = RemoteFile(name=NAME, hub_repo="someone/net", sha256_prefix=PREFIX)


@dataclass
class Server:
    """The files of the server and its faults; every request is noted.

    Attributes:
        files: path -> bytes.
        drops: how many of the next GETs are cut after `drop_after` bytes.
        states: HTTP states of the next answers; 200 is an ordinary answer.
        ranges: whether Range is honoured.
        shift: how many bytes further on than asked for an answer to Range begins.
        wait_s: pause before a body is sent.
        retry_after: header of refusals.
        content_type: header of files.
        redirects: path -> address that it redirects to.
        tokens: Authorization headers of the requests.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    drops: int = 0
    drop_after: int = 1000
    states: list[int] = field(default_factory=list)
    ranges: bool = True
    shift: int = 0
    wait_s: float = 0.0
    retry_after: str = ""
    content_type: str = "application/octet-stream"
    redirects: dict[str, str] = field(default_factory=dict)
    tokens: list[str | None] = field(default_factory=list)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def gets(self, path: str) -> list[str | None]:
        """The Range headers of the GETs of a path."""
        return [wanted for method, at, wanted in self.requests if (method, at) == ("GET", path)]


def handler(state: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            wanted = self.headers.get("Range")
            state.requests.append((self.command, path, wanted))
            state.tokens.append(self.headers.get("Authorization"))
            if path in state.redirects:
                self.send_response(302)
                self.send_header("Location", state.redirects[path])
                self.send_header("Content-Length", "0")
                return self.end_headers()
            status = state.states.pop(0) if state.states else 200
            if status != 200:
                return self.refuse(status)
            if path not in state.files:
                return self.refuse(404)
            data = state.files[path]
            tag = f'"{hashlib.sha256(data).hexdigest()}"'
            first = 0
            if wanted and state.ranges:
                first = int(wanted.removeprefix("bytes=").split("-")[0])
            if first >= len(data) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            self.send_header("ETag", tag)
            self.send_header("Content-Type", state.content_type)
            rest = data[first + state.shift :] if first else data
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.send_body(rest)
            return None

        def send_body(self, data: bytes) -> None:
            time.sleep(state.wait_s)
            if state.drops > 0:
                state.drops -= 1
                self.wfile.write(data[: state.drop_after])
                self.close_connection = True
                return
            self.wfile.write(data)

        def refuse(self, status: int) -> None:
            self.send_response(status)
            if state.retry_after:
                self.send_header("Retry-After", state.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
