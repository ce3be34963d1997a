"""MediaPipe Holistic (full) on the people of LSP Extended's test part, in the same boxes.

    python -m venv mp && mp/bin/pip install mediapipe==0.10.21 rtmpose3d
    mp/bin/python benchmarks/mediapipe_people.py --data REAL_PEOPLE --every 4

For comparison with benchmarks/evaluate_real.py, in an environment of its own because MediaPipe
pins other versions of packages. Its wheel has the full model; the heavy one is a download. Each
person is cut out with a quarter of room, as the published pipelines cut, and enlarged. People it
does not find count as missed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import mediapipe  # pyright: ignore[reportMissingImports]
import numpy as np

from rtmpose3d.data import PoseRecord, ReadOptions, load_record_image, read_dataset
from rtmpose3d.evaluation.metrics import metrics_2d, relative_errors
from rtmpose3d.geometry.crop import apply_affine, crop_from_image, warp_crop
from rtmpose3d.structures import FloatArray

SIDE_PX = 512  # of the square that a person is cut to
ROOM = 1.25  # times the box's longer side
# MediaPipe's 33 points -> COCO's 17 of the body
BODY = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)


def body_keypoints(
    model: mediapipe.solutions.holistic.Holistic, record: PoseRecord
) -> FloatArray | None:
    """(17, 2) pixels of the image; None if no person is found."""
    box = record.box_xyxy
    side = ROOM * float((box[2:] - box[:2]).max())
    matrix = crop_from_image(
        ((box[:2] + box[2:]) / 2)[None], np.array([[side, side]]), (SIDE_PX, SIDE_PX)
    )
    crop = warp_crop(load_record_image(record), matrix[0], (SIDE_PX, SIDE_PX))
    found = model.process(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB)).pose_landmarks
    if found is None:
        return None
    points = np.array([[found.landmark[i].x, found.landmark[i].y] for i in BODY]) * SIDE_PX
    inverse = cv2.invertAffineTransform(matrix[0])
    return np.asarray(apply_affine(inverse[None], points[None].astype(np.float64))[0])


def main() -> None:
    """Prints a row of the table of sport."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of lspet/")
    parser.add_argument("--every", type=int, default=1, help="use every n-th person only")
    options = parser.parse_args()
    reading = read_dataset(
        "lspet", options.data / "lspet", "test", options=ReadOptions(every=options.every)
    )
    records = list(reading)
    predicted = np.full((len(records), 133, 2), np.nan)
    with mediapipe.solutions.holistic.Holistic(static_image_mode=True, model_complexity=1) as model:
        for row, record in enumerate(records):
            points = body_keypoints(model, record)
            if points is not None:
                predicted[row, : len(BODY)] = points
    missed = int(np.isnan(predicted[:, 0, 0]).sum())
    weights = [np.ones(133) if r.label_weight is None else r.label_weight for r in records]
    by_hand = (np.stack(weights) == 1) & np.stack([r.visible > 0 for r in records])
    truth = np.stack([r.keypoints_px for r in records])
    errors = relative_errors(predicted, truth, np.stack([r.box_xyxy for r in records]))
    pck05, pck10, _ = metrics_2d(errors, by_hand, parts=("body",))["body"].pck
    print(
        f"| MediaPipe Holistic (full), {missed} of {len(records)} people missed | body | hand | "
        f"{pck10:.3f} | {pck05:.3f} | {int(by_hand[:, :17].sum())} |"
    )


if __name__ == "__main__":
    main()
