"""Whole-body pose of the people in an image: `uv run main.py IMAGE`.

Prints the shapes of the result and writes IMAGE_pose.jpg into the current folder. The first run
downloads the published weights (330 MB). Without an image it checks the installation.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> None:
    """Run the default model on the image that the command line names."""
    parser = argparse.ArgumentParser(description="Whole-body pose of the people in an image")
    parser.add_argument("image", nargs="?", help="an image with people in it")
    parser.add_argument("--model", default="rbarac/rtmpose3d", help="see `rtmpose3d models`")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    arguments = parser.parse_args()
    if arguments.image is None:
        from rtmpose3d.cli import build_app

        print("No image given: checking the installation. Then: uv run main.py IMAGE\n")
        build_app(("doctor",))(["doctor"], prog_name="rtmpose3d")
        return

    from rtmpose3d import RTMPose3D, RTMPose3DError

    try:
        model = RTMPose3D.from_pretrained(arguments.model, device=arguments.device)
        result = model(arguments.image)
        for name, array in result.items():
            print(f"{name:<16} {array.shape}")
        image = result.save(f"{Path(arguments.image).stem}_pose.jpg")
    except RTMPose3DError as error:
        sys.exit(f"error: {error}")
    print(f"{len(result)} people; see {image}")


if __name__ == "__main__":
    main()
