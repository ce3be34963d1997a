"""Makers of torch files, good and hostile, and a small file server on the loopback."""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "1" * 40


def _torch_zip(data_pkl: bytes, storages: Mapping[str, bytes] | None = None, **records) -> bytes:
    """A zip as torch.save makes it, around any pickle; records: byteorder=..., version=..."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", data_pkl)
        for key, data in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", data)
        for name, data in {"version": b"3\n", **records}.items():
            archive.writestr(f"archive/{name}", data)
    return stream.getvalue()


@pytest.fixture
def torch_zip() -> Callable[..., bytes]:
    """The maker of zips around any pickle."""
    return _torch_zip


@pytest.fixture
def save_pickle(tmp_path: Path) -> Callable[..., Path]:
    """Save a pickle's bytes as a .pth file."""

    def save(data_pkl: bytes, storages: Mapping[str, bytes] | None = None, **records) -> Path:
        path = tmp_path / "hostile.pth"
        path.write_bytes(_torch_zip(data_pkl, storages, **records))
        return path

    return save


@dataclass
class Server:
    """What the server has and how it misbehaves; every request is noted.

    Attributes:
        files: path -> bytes.
        drops: how many of the next GETs are cut after `drop_after` bytes.
        states: states that the next requests are answered with instead.
        ranges: whether Range is honoured.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    drops: int = 0
    drop_after: int = 1000
    states: list[int] = field(default_factory=list)
    ranges: bool = True
    tags: bool = True
    wait_s: float = 0.0
    content_type: str = "application/octet-stream"
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)

    def gets(self, path: str) -> list[str | None]:
        """The Range headers of the GETs of a path."""
        return [wanted for method, at, wanted in self.requests if (method, at) == ("GET", path)]


def _handler(state: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = self.path.split("?")[0]
            wanted = self.headers.get("Range")
            state.requests.append((self.command, path, wanted))
            if state.states:
                return self.refuse(state.states.pop(0))
            if path not in state.files:
                return self.refuse(404)
            data = state.files[path]
            tag = f'"{hashlib.sha256(data).hexdigest()}"'
            first = 0
            if wanted and state.ranges and self.headers.get("If-Range", tag) == tag:
                first = int(wanted.removeprefix("bytes=").split("-")[0])
            if first >= len(data) > 0:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            if state.tags:
                self.send_header("ETag", tag)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Type", state.content_type)
            self.send_header("Content-Length", str(len(data) - first))
            self.end_headers()
            if body:
                self.send_body(data[first:])
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
            if status == 404 and "/resolve/" in self.path:
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def server():
    """A file server on the loopback; what it has and does is set on the Server given."""
    state = Server()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join(5)
