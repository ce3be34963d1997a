"""`rtmpose3d evaluate`, from the command line to its files: with models that know the answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from evaluation.synthetic_coco import HEIGHT, WIDTH, synthetic_annotations
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.data import AnnotatedImage
from rtmpose3d.evaluation import CocoWholeBodyProtocol, SkippedItems
from rtmpose3d.evaluation.protocols.coco_wholebody import read_coco_images
from rtmpose3d.evaluation.protocols.h3wb import write_leaderboard
from rtmpose3d.geometry import Camera
from rtmpose3d.structures import PoseResult
from rtmpose3d.synth.output import write_shard
from rtmpose3d.viz import standing_person
from shards import annotated_sample

IMAGES = 6
FILES = {"results.json", "results.md", "histogram.png", "worst.jpg", "predictions.json"}
COUNTS = CocoWholeBodyProtocol().counts


class Oracle:
    """Knows the annotated people of images by a number in their first pixel."""

    def __init__(self, annotated: list[AnnotatedImage]) -> None:
        self.annotated = annotated
        self.boxes: list[object] = []

    def __call__(self, images, *, boxes, camera, bbox_thr) -> list[PoseResult]:
        self.boxes += boxes
        return [self._result(*pair) for pair in zip(images, boxes, strict=True)]

    def _result(self, image, boxes) -> PoseResult:
        if image[0, 0, 1] == 99:
            raise KeyboardInterrupt
        people = [p for p in self.annotated[int(image[0, 0, 0])].people if COUNTS(p)]
        count = len(people)
        own = np.array([p.box_xyxy for p in people], np.float32).reshape(-1, 4)
        assert boxes is None or np.allclose(boxes, own, atol=1e-3)
        return PoseResult(
            keypoints_2d=np.array([p.keypoints_px for p in people]).reshape(count, 133, 2),
            scores=np.full((count, 133), 5.0, np.float32),
            confidence=np.full((count, 133), 0.9, np.float32),
            bboxes=own,
            bbox_scores=np.ones(count, np.float32),
            image_size_wh=(image.shape[1], image.shape[0]),
            image=image,
        )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with gt.json and the images it names; grey, numbered in the first pixel."""
    document = synthetic_annotations(IMAGES)
    (tmp_path / "gt.json").write_text(json.dumps(document))
    for number, image in enumerate(_images(tmp_path)):
        pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        pixels[:8, :8] = number, 0, 0
        cv2.imwrite(str(image.path.with_suffix(".png")), pixels)
        image.path.with_suffix(".png").rename(image.path)
    return tmp_path


def _images(folder: Path) -> list[AnnotatedImage]:
    return read_coco_images(folder / "gt.json", folder, SkippedItems())


def _counted(image: AnnotatedImage) -> list:
    return [person for person in image.people if COUNTS(person)]


@pytest.fixture
def oracle(data: Path, monkeypatch) -> Oracle:
    model = Oracle(_images(data))
    monkeypatch.setattr(ModelOptions, "load", lambda choice: model)
    return model


def results(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out" / "results.json").read_text())


def on(folder: Path, *more: object) -> tuple[object, ...]:
    where = ("-a", folder / "gt.json", "-i", folder, "-o", folder / "out")
    return ("evaluate", "coco-wholebody", *where, *more)


def test_a_model_that_knows_the_answer_scores_one(cli, data: Path, oracle: Oracle) -> None:
    outcome = cli(*on(data, "--boxes", "gt"))
    assert outcome.exit_code == 0, outcome.output
    assert {file.name for file in (data / "out").iterdir()} == FILES
    result = results(data)
    body = result["metrics"]["ap_ar"]["body"]
    assert (body["AP"], body["AR"]) == pytest.approx((1, 1))
    assert result["metrics"]["parts"]["wholebody"]["PCK@0.05"] == 1
    assert result["skipped"] == []
    assert "100.0" in outcome.output
    assert all(boxes is not None for boxes in oracle.boxes)


def test_what_it_writes_can_be_evaluated_again(cli, data: Path, oracle: Oracle) -> None:
    cli(*on(data, "--boxes", "gt"))
    first = results(data)["metrics"]["ap_ar"]
    again = cli(
        *("evaluate", "coco-wholebody", "-a", data / "gt.json", "-o", data / "out"),
        *("-p", data / "out" / "predictions.json"),
    )
    assert again.exit_code == 0, again.output
    assert results(data)["metrics"]["ap_ar"] == first


def test_people_are_detected_where_no_boxes_are_given(cli, data: Path, oracle: Oracle) -> None:
    assert cli(*on(data)).exit_code == 0
    assert set(map(type, oracle.boxes)) == {type(None)}
    assert results(data)["metrics"]["ap_ar"]["wholebody"]["AR"] == pytest.approx(1)


def test_boxes_of_a_file_bring_their_scores(cli, data: Path, oracle: Oracle) -> None:
    rows = []
    for image in oracle.annotated:
        boxes = np.array([p.box_xyxy for p in _counted(image)], float).reshape(-1, 4)
        for i, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
            row = {"bbox": [x1, y1, x2 - x1, y2 - y1], "score": 0.9 - 0.1 * i, "category_id": 1}
            rows.append({"image_id": image.image_id, **row})
    (data / "boxes.json").write_text(json.dumps(rows))
    outcome = cli(*on(data, "--boxes", data / "boxes.json"))
    assert outcome.exit_code == 0, outcome.output
    scores = [row["score"] for row in json.loads((data / "out/predictions.json").read_text())]
    assert min(scores) < 0.9 * 5 == pytest.approx(max(scores))
    (data / "boxes.json").write_text(json.dumps([{**rows[0], "image_id": 5}]))
    outcome = cli(*on(data, "--boxes", data / "boxes.json"))
    assert outcome.exit_code == 2
    assert "1 of image that is not annotated" in outcome.output


def test_missing_and_broken_images_are_named_and_skipped_on_request(
    cli, data: Path, oracle: Oracle
) -> None:
    busy = [image for image in oracle.annotated if _counted(image)]
    first, second, third = (image.path for image in busy[:3])
    first.unlink()
    outcome = cli(*on(data, "--boxes", "gt"))
    assert outcome.exit_code == 2
    assert f"there is no image {first} (1 image is missing)" in outcome.output
    assert "--skip-bad" in outcome.output
    second.write_bytes(b"no image")
    cv2.imwrite(str(third), np.zeros((50, 60, 3), np.uint8))
    outcome = cli(*on(data, "--boxes", "gt", "--skip-bad"))
    assert outcome.exit_code == 1, outcome.output
    assert "3 items skipped" in outcome.output
    reasons = results(data)["skipped"]
    assert [str(p) in r for p, r in zip((first, second, third), reasons, strict=True)] == [True] * 3
    assert "is 60x50 px, but its annotations are for 640x425" in reasons[2]
    assert results(data)["metrics"]["ap_ar"]["wholebody"]["AP"] == pytest.approx(1)


def test_an_interrupted_run_writes_nothing(cli, data: Path, oracle: Oracle) -> None:
    last = oracle.annotated[-1].path
    pixels = np.full((HEIGHT, WIDTH, 3), 99, np.uint8)
    cv2.imwrite(str(last.with_suffix(".png")), pixels)
    last.with_suffix(".png").rename(last)
    outcome = cli(*on(data))
    assert outcome.exit_code == 130
    assert list((data / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--images", "nowhere"), "nowhere is no folder"),
        (("-p", "x.json", "--boxes", "gt"), "--boxes cannot be combined"),
        (("-p", "x.json"), "x.json does not exist"),
        (("--score", "box"), "'box' is not one of 'bbox-keypoint', 'bbox', 'keypoint'"),
        (("--nms-thr", "2"), "nms_thr must be above 0"),
        (("--model", "rtmw"), "unknown pose model 'rtmw'"),
    ],
)
def test_options_that_cannot_be_are_errors(cli, data: Path, options: tuple, said: str) -> None:
    outcome = cli(*on(data, *options))
    assert outcome.exit_code == 2
    assert said in outcome.output


def test_without_images_and_poses_there_is_nothing_to_evaluate(cli, data: Path) -> None:
    outcome = cli("evaluate", "coco-wholebody", "-a", data / "gt.json", "-o", data / "out")
    assert outcome.exit_code == 2
    assert "--images is missing" in outcome.output


def test_poses_of_predict_can_be_evaluated(cli, data: Path, oracle: Oracle) -> None:
    folder = data / "poses"
    folder.mkdir()
    for number, image in enumerate(oracle.annotated):
        pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        pixels[0, 0, 0] = number
        (result,) = oracle([pixels], boxes=[None], camera=None, bbox_thr=None)
        named = result.__class__(**{**vars(result), "source": Path(image.path.name)})
        named.save(folder / f"{image.image_id}.json")
    base = ("evaluate", "coco-wholebody", "-a", data / "gt.json", "-o", data / "out")
    outcome = cli(*base, "-p", folder)
    assert outcome.exit_code == 0, outcome.output
    assert results(data)["metrics"]["ap_ar"]["wholebody"]["AP"] == pytest.approx(1)
    one = folder / f"{oracle.annotated[0].image_id}.json"
    one.write_text(one.read_text().replace(oracle.annotated[0].path.name, "other.jpg"))
    outcome = cli(*base, "-p", folder)
    assert outcome.exit_code == 2
    assert "its image 'other.jpg' is not in the annotations" in outcome.output


@pytest.mark.slow
def test_a_real_network_runs_through(
    cli, data: Path, made_checkpoint: Callable[[str], Path]
) -> None:
    name = "dwpose-t-256x192"
    outcome = cli(
        *on(data, "--boxes", "gt", "--flip-test", "--backend", "onnxruntime", "-m", name),
        *("--pose-checkpoint", made_checkpoint(name), "--device", "cpu"),
    )
    assert outcome.exit_code == 0, outcome.output
    result = results(data)
    assert result["flip test"] == "yes"
    people = sum(len(_counted(image)) for image in _images(data))
    assert len(json.loads((data / "out" / "predictions.json").read_text())) <= people
    assert result["metrics"]["parts"]["wholebody"]["not_detected"] >= 0


def test_the_official_example_gives_the_official_metrics(cli, shared: Path, tmp_path: Path) -> None:
    samples = shared / "samples" / "coco_wholebody_eval"
    outcome = cli(
        *("evaluate", "coco-wholebody", "-a", samples / "example_gt.json"),
        *("-p", samples / "example_pred.json", "-o", tmp_path / "out"),
    )
    assert outcome.exit_code == 0, outcome.output
    official = json.loads((shared / "golden" / "eval" / "official_coco_wholebody.json").read_text())
    ours = results(tmp_path)["metrics"]["ap_ar"]
    for part, row in official["example"]["results"].items():
        assert {key: ours[part][key] for key in row} == pytest.approx(row, abs=1e-9)


def test_h3wb_files_give_the_official_metrics(cli, golden: Path, tmp_path: Path) -> None:
    with np.load(golden / "eval" / "h3wb_style.npz") as arrays:
        names = [str(i) for i in range(len(arrays["gt"]))]
        for key in ("gt", "pred"):
            write_leaderboard(tmp_path / f"{key}.json", names, arrays[key] / 1000)
    outcome = cli(
        *("evaluate", "h3wb", "-a", tmp_path / "gt.json", "-p", tmp_path / "pred.json"),
        *("-o", tmp_path / "out"),
    )
    assert outcome.exit_code == 0, outcome.output
    lines = (golden / "eval" / "h3wb_official_output.txt").read_text().splitlines()
    expected = dict(line.removesuffix(" mm").split(" is ") for line in lines if " is " in line)
    ours = results(tmp_path)["metrics"]["h3wb_mm"]
    assert ours == pytest.approx({key: float(value) for key, value in expected.items()}, abs=1e-3)


def h3wb_folder(folder: Path) -> Path:
    """H3WB as mmpose distributes it: one frame of one camera, and its image."""
    rng = np.random.default_rng(0)
    metres = rng.normal([0, 0, 5], [0.3, 0.5, 0.2], (1, 133, 3))
    intrinsics = np.array([1.145, 0.0, 0.512, 0.0, 1.143, 0.515, 0.0, 0.0, 1.0])
    pixels = metres[..., :2] / metres[..., 2:] * [1145, 1143] + [512, 515]
    low, high = pixels.min(axis=(0, 1)), pixels.max(axis=(0, 1))
    box = {"x_min": low[0], "y_min": low[1], "x_max": high[0], "y_max": high[1]}
    view = {"pose_2d": pixels, "camera_3d": 1000 * metres}
    frames = {"54138969": view, "frame_id": np.array([7])}
    (folder / "annotation_body3d").mkdir()
    np.savez(
        folder / "annotation_body3d" / "h3wb_train_bbox.npz",
        train_data=np.array({"S7": {"Waiting": frames}}, object),
        metadata=np.array({"S7": {"54138969": {"K": intrinsics}}}, object),
        bbox=np.array({("S7", "Waiting", "54138969", 7): box}, object),
    )
    images = folder / "original" / "S7" / "Images" / "Waiting.54138969"
    images.mkdir(parents=True)
    cv2.imwrite(str(images / "frame_7.jpg"), np.full((1002, 1000, 3), 90, np.uint8))
    return folder


@pytest.mark.slow
def test_a_network_is_evaluated_on_h3wb(
    cli, tmp_path: Path, made_checkpoint: Callable[[str], Path]
) -> None:
    outcome = cli(
        *("evaluate", "h3wb", h3wb_folder(tmp_path), "-o", tmp_path / "out", "--device", "cpu"),
        *("--root-depth", "5.14388", "-m", "rtmw3d-n"),
        *("--pose-checkpoint", made_checkpoint("rtmw3d-n")),
    )
    assert outcome.exit_code == 0, outcome.output
    assert "Nose aligned MPJPE on face" in outcome.output
    result = results(tmp_path)
    assert result["root depth"] == "5.14388"
    assert result["metrics"]["parts_3d"]["wholebody"]["keypoints"] == 133
    assert all(value > 0 for value in result["metrics"]["h3wb_mm"].values())
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES


def test_h3wb_says_what_it_needs(cli, tmp_path: Path) -> None:
    outcome = cli("evaluate", "h3wb", "-o", tmp_path / "out")
    assert outcome.exit_code == 2
    assert "either FOLDER" in outcome.output
    outcome = cli("evaluate", "h3wb", tmp_path, "--root-depth", "far", "-o", tmp_path / "out")
    assert outcome.exit_code == 2
    assert "--root-depth is 'far'" in outcome.output
    outcome = cli("evaluate", "h3wb", tmp_path, "--boxes", "mine", "-o", tmp_path / "out")
    assert "'mine' is not one of 'gt', 'detect'" in outcome.output
    assert not (tmp_path / "out").exists()


def test_datasets_that_are_not_known_are_errors(cli, tmp_path: Path) -> None:
    outcome = cli("evaluate", "dataset", "h36", tmp_path, "-o", tmp_path / "out")
    assert outcome.exit_code == 2
    assert "unknown dataset 'h36'; did you mean 'h36m'?" in outcome.output


@pytest.mark.slow
def test_motion_capture_is_evaluated_in_3d(
    cli, shared: Path, tmp_path: Path, made_checkpoint: Callable[[str], Path]
) -> None:
    command = (
        *("evaluate", "dataset", "mpi-inf-3dhp", shared / "samples" / "mpi_inf_3dhp"),
        *("--annotations", "test_3dhp_test.npz", "--images-folder", ".", "-o", tmp_path / "out"),
        *("-m", "rtmw3d-n", "--pose-checkpoint", made_checkpoint("rtmw3d-n"), "--device", "cpu"),
    )
    outcome = cli(*command)
    assert outcome.exit_code == 2  # not all images are among the samples
    assert "there is no image" in outcome.output
    outcome = cli(*command, "--skip-bad", "--root-depth", "true")
    assert outcome.exit_code == 1, outcome.output
    result = results(tmp_path)
    assert result["metrics"]["parts_3d"]["body_with_feet"]["keypoints"] == 10
    assert result["metrics"]["parts_3d"]["face"]["mpjpe_mm"] is None
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES


def rendered_dataset(folder: Path) -> Path:
    """A standing person 3 m away, labelled on a photograph, written by the product's writer."""
    image = cv2.imread(str(DEMO_IMAGE))
    height, width = image.shape[:2]
    camera = Camera(
        fx=1.2 * width,
        fy=1.25 * width,
        cx=0.52 * width,
        cy=0.45 * height,
        width=width,
        height=height,
    )
    body = standing_person()
    points = np.column_stack([body[:, 0], 0.9 - body[:, 2], 3.0 + body[:, 1]])
    pixels = camera.project(points)
    box = np.concatenate([pixels.min(axis=0) - 0.5, pixels.max(axis=0) + 0.5])
    sample = annotated_sample(image, camera, points[None], box[None])
    folder.mkdir()
    write_shard(folder / "shard-00000", [sample])
    return folder


DEMO_IMAGE = Path(__file__).parents[2] / "src" / "rtmpose3d" / "bundled" / "people.jpg"


@pytest.mark.slow
def test_the_bundled_model_and_detector_are_evaluated_on_what_synth_writes(
    cli, tmp_path: Path
) -> None:
    """End to end without stand-ins: writer, reader, model, metrics, files."""
    folder = rendered_dataset(tmp_path / "rendered")
    for boxes in ("gt", "detect"):
        outcome = cli(
            *("evaluate", "dataset", "rendered", folder, "-m", "rtmw3d-n", "-d", "cpu"),
            *("--boxes", boxes, "-o", tmp_path / "out"),
        )
        assert outcome.exit_code == 0, outcome.output
        result = results(tmp_path)
        assert result["people"] == "1 in 1 images"
        assert result["poses"] == "rtmw3d-n"
        assert result["metrics"]["parts"]["wholebody"]["keypoints"] > 100
        assert ("detected by rtmdet-n" in result["boxes"]) == (boxes == "detect")
        assert result["metrics"]["keypoints"]["nose"]["keypoints"] == 1
