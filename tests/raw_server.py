"""A server on the loopback whose answers a test writes by hand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

Answer = Callable[[socket.socket, str], None]


class RawServer:
    """Answers each connection by a function of the socket and the request's head.

    Attributes:
        url: its address.
        requests: heads of the requests.
    """

    def __init__(self) -> None:
        self.answer: Answer = lambda connection, head: None
        self.requests: list[str] = []
        self.stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(10)
            head = b""
            try:
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(4096)
                    if not piece:
                        return
                    head += piece
                self.requests.append(head.decode("latin-1"))
                self.answer(connection, head.decode("latin-1"))
            except OSError:
                pass

    def drip(self, connection: socket.socket, data: bytes, every_s: float = 0.05) -> None:
        """Sends one byte at a time, until the test ends."""
        for byte in data:
            if self.stopped.wait(every_s):
                return
            connection.sendall(bytes([byte]))

    def stop(self) -> None:
        self.stopped.set()
        self._listening.close()


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An HTTP answer with its Content-Length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
