"""Times MediaPipe Holistic on one image, a run for each line on stdin: milliseconds on stdout.

    python -m venv mp && mp/bin/pip install mediapipe==0.10.21
    mp/bin/python benchmarks/mediapipe_speed.py person.png

Started by speed_vs_rtmlib.py with the Python of that environment, in which this package is not
needed. From a decoded image to landmarks of body, face and hands, as for unrelated images
(`static_image_mode`), with the model "full", the one in its wheel.
"""

from __future__ import annotations

import sys
import time

import cv2
import mediapipe  # pyright: ignore[reportMissingImports]


def main() -> None:
    """Answers each line with the duration of a run."""
    image = cv2.imread(sys.argv[1])
    assert image is not None, f"{sys.argv[1]} is no image"
    with mediapipe.solutions.holistic.Holistic(
        static_image_mode=True, model_complexity=1
    ) as holistic:
        for _ in sys.stdin:
            start = time.perf_counter()
            found = holistic.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            taken_ms = 1e3 * (time.perf_counter() - start)
            if found.pose_landmarks is None:
                raise SystemExit("MediaPipe found no people in the image")
            print(taken_ms, flush=True)


if __name__ == "__main__":
    main()
