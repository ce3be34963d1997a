"""`rtmpose3d demo`: poses of one image, written and explained, without a network."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmpose3d.cli.inputs import CommandInput, list_inputs
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.cli.options import expand_options
from rtmpose3d.cli.outputs import parse_save, plan_outputs
from rtmpose3d.cli.predict_options import OutputFolder
from rtmpose3d.cli.terminal import DebugOption, echo, plural, reports_errors
from rtmpose3d.errors import InputError
from rtmpose3d.structures.atomic import make_directory
from rtmpose3d.zoo import (
    DEMO_IMAGE,
    OFFLINE_MODEL,
    BundledFile,
    default_confidence_thr,
    resolve_pose,
)

if TYPE_CHECKING:
    from rtmpose3d.sources import ImageLocation
    from rtmpose3d.structures import PoseResult

DEMO_EXAMPLES = """
Examples:

- rtmpose3d demo
- rtmpose3d demo photo.jpg
- rtmpose3d demo photo.jpg --out results --model rtmw3d-l
"""


@reports_errors
@expand_options
def demo(
    image: Annotated[
        str | None,
        typer.Argument(
            metavar="IMAGE",
            help="Your image: a file or an http address. Without one: a rendered image of "
            "three people that comes with the package.",
            show_default=False,
        ),
    ] = None,
    out: OutputFolder = Path("outputs"),
    model: ModelOptions = ModelOptions(model=OFFLINE_MODEL),  # noqa: B008 - frozen
    debug: DebugOption = False,
) -> None:
    """Detect the people in one image, write and explain the results. Needs no network.

    Writes OUT/NAME_pose.jpg, the skeletons on the image next to a view in 3D, and OUT/NAME.json,
    all numbers. The model is a small one in the package, for demonstration: for real work use
    `rtmpose3d predict`, whose models are downloaded once.
    """
    from rtmpose3d.sources import load_image

    given = CommandInput(location=DEMO_IMAGE) if image is None else _single_input(image)
    source = given.location
    make_directory(out)
    drawing, document = plan_outputs([given], out, parse_save("image,json"))[0].files
    pixels = load_image(source)  # an unreadable image is reported before a download
    loaded = model.load()
    start_s = time.perf_counter()
    result = replace(loaded(pixels), source=source if isinstance(source, Path) else None)
    taken_s = time.perf_counter() - start_s
    result.save(drawing)
    result.save(document)
    own = image is not None
    lines = [
        *_describe_run(source, result, str(model.detector_name), taken_s, own),
        *_describe_people(result),
        "",
        *_describe_files(result, drawing, document),
        "",
        *_next_steps(result, str(source) if own else None),
    ]
    echo("\n".join(lines))


def _single_input(text: str) -> CommandInput:
    inputs, _ = list_inputs([text])
    if len(inputs) != 1:
        raise InputError(
            f"demo takes one image, {text!r} are {len(inputs)}; "
            f"for all of them: rtmpose3d predict {text}"
        )
    return inputs[0]


def _describe_run(
    source: ImageLocation, result: PoseResult, detector: str, taken_s: float, own: bool
) -> list[str]:
    spec = resolve_pose(result.model)
    width, height = result.image_size_wh
    whose = "" if own else ", a rendered image that comes with the package"
    origin = "published"
    if isinstance(spec.file, BundledFile):
        origin = "small, for demonstration"
    name = source.name if isinstance(source, Path) else source
    return [
        f"image    {name}, {width}x{height}{whose}",
        f"model    {spec.name} with the detector {detector} ({origin})",
        f"detected {plural(len(result), 'person', 'people')} in {taken_s:.2f} s",
    ]


def _describe_people(result: PoseResult) -> list[str]:
    """One line per person: score, distance, and number of visible keypoints."""
    threshold = default_confidence_thr(result.model)
    lines = []
    for i in range(len(result)):
        visible = int((result.confidence[i] >= threshold).sum())
        text = f"  #{i}  score {result.bbox_scores[i]:.2f}"
        if result.root_depth_m is not None and result.root_depth_std_m is not None:
            away, std = result.root_depth_m[i], result.root_depth_std_m[i]
            text += f", {away:.1f} m away (give or take {std:.1f} m)"
        lines.append(f"{text}, {visible} of {result.confidence.shape[1]} keypoints visible")
    return lines


def _describe_files(result: PoseResult, drawing: Path, document: Path) -> list[str]:
    """Contents of each file."""
    has_3d = result.root_depth_m is not None
    contents = {
        str(drawing): "the skeletons on the image" + (", and a view in 3D" if has_3d else ""),
        str(document): "133 keypoints per person, in pixels" + (" and metres" if has_3d else ""),
    }
    width = max(map(len, contents))
    return [f"{name:<{width}}  {text}" for name, text in contents.items()]


def _next_steps(result: PoseResult, own: str | None) -> list[str]:
    """Commands to try next."""
    image = own or "photo.jpg"
    image = f'"{image}"' if " " in image else image
    steps: list[tuple[str, str]] = []
    if own is None:
        steps.append(("rtmpose3d demo photo.jpg", "the same with your own image"))
    if isinstance(resolve_pose(result.model).file, BundledFile):
        steps.append(
            (f"rtmpose3d predict {image}", "the published model, far better; downloads 330 MB once")
        )
    steps.append(("rtmpose3d models", "all models"))
    width = max(len(command) for command, _ in steps)
    return ["Next:", *(f"  {command:<{width}}  {what}" for command, what in steps)]
