"""Hostile checkpoints, and the surroundings of a download."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
from file_server import Server, handler
from torch_bytes import torch_zip


@pytest.fixture
def save_pickle(tmp_path: Path) -> Callable[..., Path]:
    """A function that saves a pickle's bytes as a .pth file."""

    def save(data_pkl: bytes, storages: Mapping[str, bytes] | None = None, **records) -> Path:
        path = tmp_path / "hostile.pth"
        path.write_bytes(torch_zip(data_pkl, storages, **records))
        return path

    return save


@pytest.fixture
def server():
    """A file server on the loopback; its files and faults are set on the Server given."""
    state = Server()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join(5)


@pytest.fixture
def own_folders(tmp_path, monkeypatch):
    """Cache, hub cache and home of this test alone."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("RTMPOSE3D_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def loopback(own_folders, monkeypatch, server):
    """The loopback server as the hub and as OpenMMLab's mirror, without waiting between tries."""
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("RTMPOSE3D_OPENMMLAB_URL", server.url)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("rtmpose3d.weights.download.transfer._wait", lambda seconds: None)
