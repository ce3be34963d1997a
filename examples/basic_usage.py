"""From an image to keypoints in pixels and metres: `python examples/basic_usage.py IMAGE`."""

from __future__ import annotations

import sys

from rtmpose3d import WHOLEBODY, RTMPose3D


def main(image: str) -> None:
    """Print where each person's nose and wrists are, and save numbers and an image."""
    model = RTMPose3D.from_pretrained("rbarac/rtmpose3d")  # device="cuda" for a GPU
    result = model(image, bbox_thr=0.3)

    print(f"{len(result)} people in {image}")
    for number, person in enumerate(result.people()):
        print(f"person {number}, {person['root_depth_m'][0]:.2f} m from the camera")
        for name in ("nose", "left_wrist", "right_wrist"):
            k = WHOLEBODY.index(name)
            (u, v), (x, y, z) = person.keypoints_2d[0, k], person.keypoints_3d[0, k]
            print(
                f"  {name:<12} at {u:6.1f}, {v:6.1f} px; x {x:+.2f}, y {y:+.2f}, z {z:+.2f} m; "
                f"confidence {person.confidence[0, k]:.2f}"
            )

    result.save("pose.json")  # all numbers; .npz and .csv work, too
    result.save("pose.jpg")  # skeletons on the image, and a view in 3D


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} IMAGE")
    main(sys.argv[1])
