"""Iterators that run ahead in a thread."""

from __future__ import annotations

import threading
import time

import pytest

from rtmpose3d.pipeline.background import BackgroundIterator


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_items_keep_their_order():
    items = BackgroundIterator(iter(range(100)), ahead=3, name="test-order")
    assert list(items) == list(range(100))
    with pytest.raises(StopIteration):
        next(items)


def test_an_error_comes_after_the_items_before_it_and_once():
    def fail():
        yield 1
        yield 2
        raise ValueError("broken")

    items = BackgroundIterator(fail(), ahead=8, name="test-error")
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(items)
    with pytest.raises(StopIteration):
        next(items)


def test_no_more_items_wait_than_requested():
    made = []

    def count():
        for number in range(50):
            made.append(number)
            yield number

    items = BackgroundIterator(count(), ahead=3, name="test-bounded")
    wait_until(lambda: len(made) == 4)  # three in the queue, one that does not fit
    time.sleep(0.05)
    assert len(made) == 4
    assert next(items) == 0
    wait_until(lambda: len(made) == 5)
    items.close()


def test_closing_ends_the_thread_and_closes_the_generator():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 0
        finally:
            closed.set()

    items = BackgroundIterator(endless(), ahead=2, name="test-closing")
    assert next(items) == 0
    items.close()
    assert closed.wait(20)
    wait_until(lambda: all(thread.name != "test-closing" for thread in threading.enumerate()))
    assert list(items) == []
