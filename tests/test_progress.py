"""The progress bar: drawn on a terminal only, with counts, descriptions and notes."""

from __future__ import annotations

import io
import sys

import pytest

from rtmpose3d.progress import progress_bar


def replace_stderr(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_pipe_gets_no_bar(monkeypatch):
    stderr = replace_stderr(monkeypatch, terminal=False)
    with progress_bar(10, "images") as bar:
        bar.advance()
        bar.update(5, note="loss 1")
    assert stderr.getvalue() == ""


def test_a_terminal_gets_counts_description_and_note(monkeypatch):
    stderr = replace_stderr(monkeypatch, terminal=True)
    with progress_bar(10, "images", done=2) as bar:
        bar.advance(3)
        bar.update(7, note="loss 0.5")
        bar.update(9, 12, description="labels")
    text = stderr.getvalue()
    assert "labels" in text
    assert "9/12" in text
    assert "loss 0.5" in text


def test_one_item_needs_no_bar(monkeypatch):
    stderr = replace_stderr(monkeypatch, terminal=True)
    with progress_bar(1, "images") as bar:
        bar.advance()
    assert stderr.getvalue() == ""


def test_the_caller_may_show_or_hide_the_bar(monkeypatch):
    piped = replace_stderr(monkeypatch, terminal=False)
    with progress_bar(None, "file.pth", unit="bytes", visible=True) as bar:
        bar.update(10, 100)
    assert "file.pth" in piped.getvalue()
    terminal = replace_stderr(monkeypatch, terminal=True)
    with progress_bar(10, "steps", visible=False) as bar:
        bar.update(3)
    assert terminal.getvalue() == ""
