"""Shards: directories of JPEG images with one COCO-WholeBody annotation file each."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2

from rtmpose3d.structures.arrays import Image
from rtmpose3d.structures.atomic import atomic_write, output_errors
from rtmpose3d.synth.output.coco import coco_annotations, file_name
from rtmpose3d.synth.output.shots import SynthSample

ANNOTATIONS = "annotations.json"
_JPEG_QUALITY = 92


def write_shard(
    folder: Path,
    samples: Sequence[SynthSample],
    *,
    first_image_id: int = 0,
    info: Mapping[str, object] | None = None,
    backdrop_credits: Sequence[str] = (),
) -> None:
    """Writes one shard of a dataset: the images and their annotations.

    The shard appears complete or not at all. Needs no renderer: any images with boxes and
    keypoints can be written once they are `SynthSample`s.

    Args:
        folder: directory of the shard, `DATASET/shard-00000` and so on. Its parent must exist.
        samples: images with their labels, in the order of their ids.
        first_image_id: id of the first image; unique ids across shards are up to the caller.
        info: the section `info` of the annotation file.
        backdrop_credits: file, author and licence of every photograph and object in use.

    Raises:
        OutputError: the shard cannot be written.
    """
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    document = coco_annotations(samples, first_image_id, info or {}, backdrop_credits)
    try:
        with output_errors(folder, temporary):
            temporary.mkdir()
        for image_id, sample in enumerate(samples, first_image_id):
            _write_jpeg(temporary / file_name(image_id), sample.image)
        with atomic_write(temporary / ANNOTATIONS, "w") as handle:
            json.dump(document, handle, separators=(",", ":"))
        with output_errors(folder, temporary):
            temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_jpeg(path: Path, image: Image) -> None:
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    with output_errors(path):
        path.write_bytes(data.tobytes())
