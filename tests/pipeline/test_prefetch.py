"""`predict_batches`: order, batches, and errors that stay with their image."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from example_results import example_result
from rtmpose3d.errors import BackendError, DownloadError, InputError
from rtmpose3d.pipeline import predict_batches, prefetch
from rtmpose3d.sources import load_image

WIDTHS = (5, 6, 7, 8, 9, 10, 11)


@pytest.fixture
def paths(tmp_path) -> list[Path]:
    """Seven images of different widths; the fourth cannot be read."""
    files = []
    for width in WIDTHS:
        files.append(tmp_path / f"{width}.png")
        cv2.imwrite(str(files[-1]), np.zeros((4, width, 3), np.uint8))
    files[3].write_text("no image")
    return files


class Estimate:
    """A result of as many people as the image is wide; fails where it is asked to."""

    def __init__(self, fails: dict[int, Exception] | None = None) -> None:
        self.fails = fails or {}
        self.calls: list[list[int]] = []

    def __call__(self, sources, images):
        widths = [image.shape[1] for image in images]
        assert [int(Path(source).stem) for source in sources] == widths
        self.calls.append(widths)
        for width in widths:
            if width in self.fails:
                raise self.fails[width]
        return [example_result(width) for width in widths]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 6, 50])
def test_each_input_has_its_outcome_in_order(paths, batch_size):
    estimate = Estimate()
    outcomes = list(predict_batches(estimate, paths, batch_size=batch_size))
    assert [outcome.source for outcome in outcomes] == paths
    people = [None if one.result is None else len(one.result) for one in outcomes]
    assert people == [5, 6, 7, None, 9, 10, 11]
    assert "8.png is no image" in outcomes[3].reason
    assert [one.result.source for one in outcomes if one.result is not None] == [
        path for path in paths if path.stem != "8"
    ]


def test_batches_are_full_though_an_image_is_missing(paths):
    estimate = Estimate()
    list(predict_batches(estimate, paths, batch_size=4))
    assert estimate.calls == [[5, 6, 7, 9], [10, 11]]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InputError("too odd"), "10.png: too odd"),
        (BackendError("10.png broke it"), "10.png broke it"),
        (MemoryError(), "10.png: out of memory"),
    ],
)
def test_a_failing_image_fails_alone(paths, error, reason):
    estimate = Estimate({10: error})
    outcomes = list(predict_batches(estimate, paths, batch_size=3))
    failed = {one.source.stem: one.reason for one in outcomes if one.result is None}
    assert set(failed) == {"8", "10"}
    assert failed["10"].endswith(reason)
    assert estimate.calls == [[5, 6, 7], [9, 10, 11], [9], [10], [11]]


def test_an_error_that_concerns_all_images_ends_the_run(paths):
    with pytest.raises(DownloadError):
        list(predict_batches(Estimate({5: DownloadError("no network")}), paths, batch_size=2))


def test_results_come_while_later_images_are_unread(tmp_path):
    first = tmp_path / "5.png"
    cv2.imwrite(str(first), np.zeros((4, 5, 3), np.uint8))

    def sources():
        yield from [first] * 3
        raise AssertionError("read too far ahead")

    outcomes = predict_batches(Estimate(), sources(), batch_size=1)
    assert next(outcomes).source == first


def test_large_images_are_neither_read_far_ahead_nor_batched(paths, monkeypatch):
    loaded = []

    def load(source, **options):
        loaded.append(source)
        return load_image(source, **options)

    monkeypatch.setattr(prefetch, "MAX_WAITING_BYTES", 4 * max(WIDTHS) * 3 * 2)
    monkeypatch.setattr(prefetch, "load_image", load)
    estimate = Estimate()
    outcomes = predict_batches(estimate, paths * 5, batch_size=50)
    for done, _ in enumerate(outcomes):
        assert len(loaded) <= done + 10
    assert len(loaded) == done + 1 == 35
    assert max(len(call) for call in estimate.calls) <= 4  # the small ones


def test_readers_end_when_the_caller_stops(paths, monkeypatch):
    monkeypatch.setattr(prefetch, "MAX_WAITING_BYTES", 1)
    outcomes = predict_batches(Estimate(), paths * 5, batch_size=1)
    next(outcomes)
    outcomes.close()
    for thread in threading.enumerate():
        if thread.name.startswith("rtmpose3d-read"):
            thread.join(10)
            assert not thread.is_alive()


def test_the_exif_orientation_can_be_ignored(tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.new("RGB", (6, 4)).save(tmp_path / "6.jpg", exif=exif)
    options = {"batch_size": 1, "exif_orientation": False}
    (outcome,) = predict_batches(Estimate(), [tmp_path / "6.jpg"], **options)
    assert outcome.result is not None
    assert len(outcome.result) == 6


def test_no_inputs_give_no_outcomes():
    assert list(predict_batches(Estimate(), [], batch_size=4)) == []
