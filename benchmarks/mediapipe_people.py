"""MediaPipe Holistic (full) on the people of the test parts and of renders, in the same boxes.

    python -m venv mp && mp/bin/pip install mediapipe==0.10.21 rtmpose3d
    mp/bin/python benchmarks/mediapipe_people.py --data REAL_PEOPLE --rendered RENDERED --every 4

For comparison with benchmarks/evaluate_real.py and benchmarks/evaluate_bundled.py, in an
environment of its own because MediaPipe pins other versions of packages. Its wheel has the full
model; the heavy one is a download. Each person is cut out with a quarter of room, as the published
pipelines cut, and enlarged. People it does not find count as missed; the error of faces is that of
those found.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import mediapipe  # pyright: ignore[reportMissingImports]
import numpy as np
from evaluate_real import face_errors, labelled_by_hand
from root_depth import rendered_people

from rtmpose3d.data import PoseRecord, ReadOptions, load_record_image, read_dataset
from rtmpose3d.evaluation.metrics import metrics_2d, relative_errors
from rtmpose3d.geometry.crop import apply_affine, crop_from_image, warp_crop
from rtmpose3d.structures import FloatArray

SIDE_PX = 512  # of the square that a person is cut to
ROOM = 1.25  # times the box's longer side
KEYPOINTS = 133
# MediaPipe's 33 points -> COCO's 17 of the body, and big toes and heels of COCO-WholeBody
BODY = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
FEET = {17: 31, 19: 29, 20: 32, 22: 30}
# MediaPipe's face mesh -> the 68 landmarks of iBUG, which are COCO-WholeBody's
FACE = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),
    *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # eyebrows
    *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # lips outside
    *(78, 82, 13, 312, 308, 317, 14, 87),  # lips inside
)
FIRST_FACE, FIRST_LEFT_HAND, FIRST_RIGHT_HAND = 23, 91, 112


def keypoints(model: mediapipe.solutions.holistic.Holistic, record: PoseRecord) -> FloatArray:
    """(133, 2) pixels of the image, NaN for what is not found."""
    box = record.box_xyxy
    side = ROOM * float((box[2:] - box[:2]).max())
    matrix = crop_from_image(
        ((box[:2] + box[2:]) / 2)[None], np.array([[side, side]]), (SIDE_PX, SIDE_PX)
    )
    crop = warp_crop(load_record_image(record), matrix[0], (SIDE_PX, SIDE_PX))
    found = model.process(cv2.cvtColor(crop, cv2.COLOR_BGR2RGB))
    points = np.full((KEYPOINTS, 2), np.nan)
    if found.pose_landmarks is not None:
        body = _positions(found.pose_landmarks)
        points[: len(BODY)] = body[list(BODY)]
        points[list(FEET)] = body[list(FEET.values())]
    if found.face_landmarks is not None:
        points[FIRST_FACE:FIRST_LEFT_HAND] = _positions(found.face_landmarks)[list(FACE)]
    if found.left_hand_landmarks is not None:
        points[FIRST_LEFT_HAND:FIRST_RIGHT_HAND] = _positions(found.left_hand_landmarks)
    if found.right_hand_landmarks is not None:
        points[FIRST_RIGHT_HAND:] = _positions(found.right_hand_landmarks)
    inverse = cv2.invertAffineTransform(matrix[0])
    return np.asarray(apply_affine(inverse[None], points[None])[0])


def _positions(landmarks: mediapipe.framework.formats.landmark_pb2.NormalizedLandmarkList):  # noqa: ANN202
    """Pixels of the crop."""
    return np.array([[point.x, point.y] for point in landmarks.landmark]) * SIDE_PX - 0.5


def pck_rows(predicted: FloatArray, records: Sequence[PoseRecord], name: str) -> Iterator[str]:
    """A row for each part with labels by hand, or of renders."""
    truth = np.stack([r.keypoints_px for r in records])
    errors = relative_errors(predicted, truth, np.stack([r.box_xyxy for r in records]))
    missed = int(np.isnan(predicted[:, 0, 0]).sum())
    for part, row in metrics_2d(
        errors, labelled_by_hand(records), parts=("body", "feet", "face", "hands")
    ).items():
        if row.keypoints:
            pck05, pck10, _ = row.pck
            yield (
                f"| {name}, {missed} of {len(records)} people missed | {part} | {pck10:.3f} | "
                f"{pck05:.3f} | {row.keypoints} |"
            )


def face_row(predicted: FloatArray, records: Sequence[PoseRecord]) -> str:
    """Mean error of 68 landmarks in distances of the outer eye corners, of the faces found."""
    error = face_errors(predicted, np.stack([r.keypoints_px for r in records]))
    found = error[np.isfinite(error)]
    return (
        f"| faces, {len(error) - len(found)} of {len(error)} missed | {found.mean():.1f} % | "
        f"median {np.median(found):.1f} % | worst tenth above {np.quantile(found, 0.9):.1f} % |"
    )


def main() -> None:
    """Prints the rows of the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of lspet/ and faces/")
    parser.add_argument("--rendered", type=Path, help="held-out dataset of rtmpose3d synth")
    parser.add_argument("--every", type=int, default=1, help="use every n-th person only")
    options = parser.parse_args()
    reading = ReadOptions(every=options.every)
    parts = {
        "sport": list(read_dataset("lspet", options.data / "lspet", "test", options=reading)),
        "faces": list(read_dataset("faces68", options.data / "faces", "test", options=reading)),
    }
    if options.rendered:
        parts["rendered"] = list(rendered_people(options.rendered, reading))
    with mediapipe.solutions.holistic.Holistic(static_image_mode=True, model_complexity=1) as model:
        for name, records in parts.items():
            predicted = np.stack([keypoints(model, record) for record in records])
            if name == "faces":
                print(face_row(predicted, records), flush=True)
            else:
                print(*pck_rows(predicted, records, name), sep="\n", flush=True)


if __name__ == "__main__":
    main()
