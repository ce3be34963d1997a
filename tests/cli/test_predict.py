"""`rtmpose3d predict`: every image gets its files, and every failure its reason."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import rtmpose3d.structures.atomic
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.errors import DownloadError
from rtmpose3d.geometry import Camera
from rtmpose3d.pipeline import prefetch
from rtmpose3d.sinks import FORMATS, load_result, load_results
from rtmpose3d.weights import write_torch_file
from rtmpose3d.zoo import MODELS


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_each_image_gets_its_files_and_a_line(cli, images, stand_in, tmp_path):
    images(one=1, two=2, many=4, empty=0)
    done = cli("predict", ".", "--save", "json,npz,csv,image")
    assert done.exit_code == 0, done.output
    assert files(tmp_path / "outputs") == [
        f"{name}{ending}"
        for name in ("empty", "many", "one", "two")
        for ending in (".csv", ".json", ".npz", "_pose.jpg")
    ]
    assert "two.png: 2 people (score 0.90, 0.90; 3.0, 3.0 m away; camera assumed)" in done.output
    assert "one.png: 1 person" in done.output
    assert "empty.png: no people" in done.output
    assert "4 of 4 images done, 7 people; results in outputs" in done.output
    result = load_result(tmp_path / "outputs" / "two.json")
    assert len(result) == 2
    assert result.source == Path("two.png")


def test_json_lines_hold_the_results_of_all_images_in_order(cli, images, stand_in, tmp_path):
    images(a=1, refused=0, c=2)
    PIL.Image.new("RGB", (64, 48), (255, 255, 255)).save(tmp_path / "refused.png")
    done = cli("predict", ".", "--save", "jsonl,csv")
    assert done.exit_code == 1
    assert files(tmp_path / "outputs") == ["a.csv", "c.csv", "results.jsonl"]
    results = list(load_results(tmp_path / "outputs" / "results.jsonl"))
    assert [(str(result.source), len(result)) for result in results] == [("a.png", 1), ("c.png", 2)]


def test_the_help_names_every_result_format(cli):
    text = cli("predict", "--help").output
    assert all(re.search(rf"\b{name}\b", text) for name in FORMATS)


def test_json_and_image_are_the_default(cli, images, stand_in, tmp_path):
    images(a=1)
    assert cli("predict", "a.png", "--out", "deep/er").exit_code == 0
    assert files(tmp_path / "deep" / "er") == ["a.json", "a_pose.jpg"]
    with PIL.Image.open(tmp_path / "deep" / "er" / "a_pose.jpg") as image:
        assert image.format == "JPEG"


def test_bad_images_are_skipped_and_listed_at_the_end(cli, images, stand_in, tmp_path):
    images(a=1, refused=0, z=1)
    PIL.Image.new("RGB", (64, 48), (255, 255, 255)).save(tmp_path / "refused.png")
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    done = cli("predict", ".", "--save", "json")
    assert done.exit_code == 1
    assert files(tmp_path / "outputs") == ["a.json", "z.json"]
    end = done.output[done.output.index("2 of 5 images done") :]
    assert "3 failed:" in end
    assert "text.jpg is no image" in end
    assert "empty.jpg is empty" in end
    assert "refused.png: an image that the model refuses" in end
    assert "Traceback" not in done.output


def test_images_reach_the_model_in_batches(cli, images, stand_in):
    images(**{f"p{i}": 1 for i in range(7)})
    assert cli("predict", ".", "--batch-size", 3).exit_code == 0
    assert [call["count"] for call in stand_in.calls] == [3, 3, 1]


def test_results_keep_the_order_of_the_inputs(cli, images, stand_in):
    images(b=2, a=1, c=3)
    done = cli("predict", "c.png", "a.png", "b.png")
    lines = [line.split(":")[0] for line in done.output.splitlines()[:3]]
    assert lines == ["c.png", "a.png", "b.png"]


def test_options_reach_the_model(cli, images, stand_in, tmp_path):
    images(a=1)
    for name in ("pose.pth", "det.pth"):
        (tmp_path / name).touch()
    options = (
        "--model rtmw3d-x --detector rtmdet-nano --device cpu --backend onnxruntime "
        "--pose-checkpoint pose.pth --detector-checkpoint det.pth --cache-dir weights "
        "--bbox-thr 0.5 --single-person --axes camera --height-m 1.8"
    )
    assert cli("predict", "a.png", *options.split()).exit_code == 0
    choice, call = stand_in.choice, stand_in.calls[0]
    assert (choice.model, choice.detector_name, choice.device) == ("rtmw3d-x", "rtmdet-nano", "cpu")
    assert choice.backend == "onnxruntime"
    assert choice.pose_checkpoint == Path("pose.pth")
    assert choice.detector_checkpoint == Path("det.pth")
    assert choice.cache_dir == Path("weights")
    assert (call["bbox_thr"], call["single_person"], call["axes"]) == (0.5, True, "camera")
    assert (call["height_m"], call["root_depth_m"]) == (1.8, None)
    assert load_result(tmp_path / "outputs" / "a.json").axes == "camera"


@pytest.mark.parametrize(
    ("words", "det"),
    [
        ("", "rtmdet-m"),
        ("--model rtmw3d-n", "rtmdet-n"),
        ("--model rtmw3d-n --detector rtmdet-nano", "rtmdet-nano"),
        ("--model rtmw-l --detector auto", "rtmdet-m"),
        ("--model rtmw3d-n --boxes 1,2,30,40", None),
    ],
)
def test_the_model_brings_its_detector_unless_another_is_named(cli, images, stand_in, words, det):
    images(a=1)
    assert cli("predict", "a.png", *words.split()).exit_code == 0
    assert stand_in.choice.detector_name == det


def test_a_detector_may_be_named_by_its_file(cli, images, stand_in, tmp_path):
    images(a=1)
    for name, det in (
        ("my.pth", "rtmdet-m"),
        ("rtmdet_nano_x.onnx", "rtmdet-nano"),
        ("rtmdet-n.pth", "rtmdet-n"),
    ):
        (tmp_path / name).touch()
        assert cli("predict", "a.png", "--detector", name).exit_code == 0
        assert stand_in.choice.detector_name == det
        assert stand_in.choice.detector_file == Path(name)
    done = cli("predict", "a.png", "--detector", "my.pth", "--detector-checkpoint", "my.pth")
    assert done.exit_code == 2
    done = cli("predict", "a.png", "--detector", "gone.pth")
    assert done.exit_code == 2
    assert "there is no file gone.pth" in done.output


def test_the_camera_comes_from_the_options(cli, images, stand_in, tmp_path):
    images(a=1)
    photo = PIL.Image.new("RGB", (64, 48), (0, 0, 1))
    exif = PIL.Image.Exif()
    exif[0x8769] = {0xA405: 26}  # focal length as on 35 mm film
    tables = "".join(
        f"[{name}]\nsize = [128, 96]\nmatrix = [[{f}, 0, 64], [0, {f}, 48], [0, 0, 1]]\n"
        for name, f in (("left", 90), ("right", 91))
    )
    (tmp_path / "lens.toml").write_text(tables)
    photo.save(tmp_path / "photo.jpg", exif=exif, quality=100, subsampling=0)
    size = {"width": 64, "height": 48}

    def camera(*options: str) -> Camera:
        done = cli("predict", *options)
        assert done.exit_code == 0, done.output
        return stand_in.calls[-1]["camera"][0]

    assert camera("a.png") == Camera.from_fov(**size)
    assert camera("a.png", "--fov-deg", "70") == Camera.from_fov(**size, fov_deg=70)
    assert camera("a.png", "--intrinsics", "90, 91,30,20.5") == Camera(
        fx=90, fy=91, cx=30, cy=20.5, **size
    )
    calibrated = camera("a.png", "--calibration", "lens.toml", "--camera-name", "left")
    assert (calibrated.fx, calibrated.source) == (45, "calibration")
    assert camera("photo.jpg", "--exif").fx == pytest.approx(26 / 43.2666 * 80)
    assert camera("a.png", "--exif") == Camera.from_fov(**size)


@pytest.mark.parametrize("option", ["10,20,30,40;1,2,3,4", "boxes.json", "boxes.csv", "all.json"])
def test_given_boxes_replace_the_detector(cli, images, stand_in, tmp_path, option):
    images(a=0)
    (tmp_path / "boxes.json").write_text('{"a.png": [[10, 20, 30, 40], [1, 2, 3, 4]]}')
    (tmp_path / "all.json").write_text("[[10, 20, 30, 40], [1, 2, 3, 4]]")
    (tmp_path / "boxes.csv").write_text("# people\na.png,10,20,30,40\n\na.png,1,2,3,4\n")
    done = cli("predict", "a.png", "--boxes", option)
    assert done.exit_code == 0, done.output
    assert stand_in.choice.detector_name is None
    assert stand_in.calls[0]["boxes"][0].tolist() == [[10, 20, 30, 40], [1, 2, 3, 4]]
    assert "a.png: 2 people" in done.output


def test_an_image_without_boxes_in_the_file_fails_alone(cli, images, stand_in, tmp_path):
    images(a=0, b=0)
    (tmp_path / "boxes.json").write_text('{"a.png": [[10, 20, 30, 40]]}')
    done = cli("predict", ".", "--boxes", "boxes.json")
    assert done.exit_code == 1
    assert "a.png: 1 person" in done.output
    assert "b.png: --boxes has none for it" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("missing.jpg", "error: there is no file or folder 'missing.jpg'"),
        ("nothing/*.jpg", "matches nothing"),
        (
            "a.png --model rtmw3d-xl",
            "unknown pose model 'rtmw3d-xl'; did you mean 'rtmw3d-x'? Known: rtmw3d-l",
        ),
        ("a.png --model rtmdet-m", "unknown pose model 'rtmdet-m'"),
        ("a.png --detector yolo", "unknown detector 'yolo'; known: rtmdet-m"),
        ("a.png --save yaml", "unknown format for --save 'yaml'"),
        ("a.png --save ,", "--save names no format"),
        ("a.png --axes up", "'up' is not one of 'z-up', 'camera'"),
        ("a.png --backend tensorrt", "'tensorrt' is not one of 'auto', 'openvino'"),
        ("a.png --precision int8", "'int8' is not"),
        ("a.png --threads 0", "--threads"),
        ("a.png --device xpu", "unknown device 'xpu'"),
        ("a.png --fov-deg 0", "fov_deg"),
        ("a.png --fov-deg 200", "fov_deg"),
        ("a.png --intrinsics 1,2,3", "expected four numbers"),
        ("a.png --intrinsics 1,2,3,x", "expected four numbers"),
        ("a.png --intrinsics 90,90,30,20 --fov-deg 50", "exclude each other"),
        ("a.png --exif --fov-deg 50", "exclude each other"),
        ("a.png --calibration a.toml --fov-deg 50", "exclude each other"),
        ("a.png --calibration nowhere.toml", "nowhere.toml does not exist"),
        ("a.png --camera-name left", "give that, too"),
        ("a.png --height-m -1", "--height-m is a stature in metres, between 0.3 and 2.6; got -1"),
        ("a.png --height-m 178", "got 178; 178 cm are 1.78 m"),
        ("a.png --height-m 17", "between 0.3 and 2.6; got 17"),
        ("a.png --height-m 1.8 --root-depth-m 4", "--height-m has no effect with --root-depth-m"),
        ("a.png --model rtmw3d", "did you mean 'rtmw3d-l'"),
        ("a.png --save json,jsonl --skip-existing", "--skip-existing needs a file for each image"),
        ("a.png --root-depth-m nan", "--root-depth-m must be above 0 m"),
        ("a.png --model gone.pth", "--model: there is no file gone.pth"),
        ("a.png --model plain.pth", "give both: --model NAME --pose-checkpoint plain.pth"),
        ("a.png --model text.pth", "text.pth (7 bytes) is"),
        ("a.png --model x.pth --pose-checkpoint y.pth", "--model names a file, and so does"),
        ("a.png --pose-checkpoint gone.pth", "--pose-checkpoint: there is no file gone.pth"),
        ("a.png --boxes 1,2,3", "is no box; expected x1, y1, x2, y2"),
        ("a.png --boxes 10,20,5,30", "is empty"),
        ("a.png --boxes 1,2,3,nan", "expected a file, or x1,y1,x2,y2"),
        ("a.png --boxes gone.json", "expected a file, or x1,y1,x2,y2"),
        ("a.png --boxes bad.json", "no valid JSON"),
        ("a.png --boxes text.json", "neither a list nor an object"),
        ("a.png --boxes name.json", "expected a list of boxes"),
        ("a.png --boxes rows.csv", "rows.csv, line 2: expected x1,y1,x2,y2"),
        ("a.png --boxes a.png", "a.png cannot be read"),
        ("x_pose.jpg x.jpg --out .", "x_pose.jpg is an input and would be overwritten"),
        ("a.png --bbox-thr 2", "--bbox-thr"),
        ("a.png --batch-size 0", "--batch-size"),
        ("a.png --nonsense", "--nonsense"),
        ("", "INPUT"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(cli, images, stand_in, tmp_path, arguments, words):
    images(a=1)
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "text.json").write_text('"text"')
    (tmp_path / "name.json").write_text('{"a.png": 3}')
    (tmp_path / "rows.csv").write_text("1,2,3,4\na.png,1,2\n")
    for name in ("x.jpg", "x_pose.jpg"):
        (tmp_path / name).touch()
    write_torch_file(tmp_path / "plain.pth", {"a": np.zeros(3, np.float32)}, {})
    (tmp_path / "text.pth").write_text("no file")
    done = cli("predict", *arguments.split())
    assert done.exit_code == 2
    assert words in done.output
    assert "Traceback" not in done.output
    assert not stand_in.calls
    assert not (tmp_path / "outputs").exists()


def test_weights_that_cannot_be_downloaded_are_an_error_and_exit_code_2(
    cli, images, stand_in, monkeypatch
):
    images(a=1, b=1)

    def fail(*args, **kwargs):
        raise DownloadError("cannot fetch x.pth: no network")

    monkeypatch.setattr(type(stand_in), "__call__", fail)
    done = cli("predict", ".")
    assert done.exit_code == 2
    assert done.output.splitlines() == ["rtmpose3d: error: cannot fetch x.pth: no network"]


def test_debug_shows_the_traceback(cli, images, stand_in, monkeypatch):
    images(a=1)
    done = cli("predict", "a.png", "--model", "x", "--debug")
    assert done.exit_code == 2
    assert "Traceback" in done.output
    monkeypatch.setenv("RTMPOSE3D_DEBUG", "1")
    assert "Traceback" in cli("predict", "a.png", "--model", "x").output


def test_ctrl_c_keeps_what_is_finished(cli, images, stand_in, tmp_path):
    images(**{f"p{i}": 1 for i in range(6)})
    stand_in.interrupt_at = 3
    done = cli("predict", ".", "--batch-size", 2, "--save", "json,jsonl")
    assert done.exit_code == 130
    names = ["p0", "p1", "p2", "p3"]
    assert files(tmp_path / "outputs") == [*(f"{name}.json" for name in names), "results.jsonl"]
    kept = load_results(tmp_path / "outputs" / "results.jsonl")
    assert [result.source.stem for result in kept] == names
    assert "interrupted; what is written stays" in done.output
    assert "4 of 6 images done" in done.output
    assert "Traceback" not in done.output


def test_ctrl_c_while_the_model_is_loaded_exits_with_130(cli, images, stand_in, monkeypatch):
    images(a=1)

    def interrupt(choice):
        raise KeyboardInterrupt

    monkeypatch.setattr(ModelOptions, "load", interrupt)
    done = cli("predict", "a.png")
    assert done.exit_code == 130
    assert "interrupted" in done.output


def test_a_full_disk_stops_the_run_and_leaves_no_half_file(
    cli, images, stand_in, tmp_path, monkeypatch
):
    images(a=1, b=1, c=1)
    flushed = []

    def full_after_two(file):
        flushed.append(file)
        if len(flushed) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(rtmpose3d.structures.atomic, "_flush_to_disk", full_after_two)
    done = cli("predict", ".", "--save", "json,csv", "--batch-size", 1)
    assert done.exit_code == 1
    assert files(tmp_path / "outputs") == ["a.csv", "a.json"]
    assert "the disk is full" in done.output
    assert "1 of 3 images done" in done.output


def test_an_output_folder_that_cannot_be_made_is_an_error(cli, images, stand_in, tmp_path):
    images(a=1)
    (tmp_path / "file").touch()
    for out in ("file", "file/deeper"):
        done = cli("predict", "a.png", "--out", out)
        assert done.exit_code == 2
        assert f"cannot write {Path(out)}" in done.output


def test_an_image_that_does_not_fit_into_memory_fails_alone(cli, images, stand_in, monkeypatch):
    images(a=1, b=1)
    load = prefetch.load_image

    def load_or_fail(source, **options):
        if Path(source).name == "b.png":
            raise MemoryError
        return load(source, **options)

    monkeypatch.setattr(prefetch, "load_image", load_or_fail)
    done = cli("predict", ".")
    assert done.exit_code == 1
    assert "b.png does not fit into memory" in done.output
    assert "1 of 2 images done" in done.output


def test_results_of_equal_names_do_not_overwrite_each_other(cli, images, stand_in, tmp_path):
    for folder, count in (("left", 1), ("right", 2)):
        (tmp_path / folder).mkdir()
        for path in images(**{"1": count}):
            path.rename(tmp_path / folder / "1.png")
    done = cli("predict", "left", "right", "--save", "json")
    assert done.exit_code == 0
    assert files(tmp_path / "outputs") == ["left", "left/1.json", "right", "right/1.json"]
    assert len(load_result(tmp_path / "outputs" / "right" / "1.json")) == 2


def test_running_again_replaces_the_results(cli, images, stand_in, tmp_path):
    images(a=1)
    assert cli("predict", "a.png").exit_code == 0
    images(a=2)
    assert cli("predict", "a.png").exit_code == 0
    assert len(json.loads((tmp_path / "outputs" / "a.json").read_text("utf-8"))["people"]) == 2


def test_folders_of_the_input_are_kept_and_named_in_the_documents(cli, images, stand_in, tmp_path):
    for folder in ("photos", "photos/a", "photos/b/c"):
        (tmp_path / folder).mkdir(parents=True)
        for path in images(**{"1": 1}):
            path.rename(tmp_path / folder / "1.png")
    done = cli("predict", "photos", "-r", "--save", "json,csv")
    assert done.exit_code == 0, done.output
    written = [name for name in files(tmp_path / "outputs") if name.endswith(".json")]
    assert written == ["1.json", "a/1.json", "b/c/1.json"]
    for name in written:
        document = json.loads((tmp_path / "outputs" / name).read_text("utf-8"))
        path = name.replace(".json", ".png")
        assert document["image"]["path"] == path
        assert document["image"]["file"] == "1.png"
        assert load_result(tmp_path / "outputs" / name).source == Path(path)


def test_predicting_a_folder_again_takes_no_result_for_an_input(cli, images, stand_in, tmp_path):
    images(a=1, b=2)
    for out in ("outputs", "."):
        for _ in range(3):
            done = cli("predict", ".", "--recursive", "--out", out)
            assert done.exit_code == 0, done.output
            assert "2 of 2 images done" in done.output
        assert (tmp_path / out / "a_pose.jpg").is_file()
        for path in (*tmp_path.rglob("*_pose.jpg"), *tmp_path.rglob("*.json")):
            path.unlink()


def test_skip_existing_resumes_an_interrupted_run(cli, images, stand_in, tmp_path):
    images(a=1, b=1, c=1)
    assert cli("predict", "a.png", "b.png", "--save", "json,csv").exit_code == 0
    (tmp_path / "outputs" / "b.csv").unlink()
    done = cli("predict", ".", "--save", "json,csv", "--skip-existing", "--batch-size", 1)
    assert done.exit_code == 0, done.output
    assert len(stand_in.calls) == 1 + 2, "a is done, b lacks a file, c is new"
    assert "2 of 3 images done, 1 skipped, as their files exist" in done.output
    done = cli("predict", ".", "--save", "json,csv", "--skip-existing")
    assert done.exit_code == 0, done.output
    assert "0 of 3 images done, 3 skipped" in done.output


def test_bad_inputs_are_failures_and_the_others_are_done(cli, images, stand_in, tmp_path):
    images(a=1)
    done = cli("predict", "gone.png", "a.png", "*.tif", "--save", "json")
    assert done.exit_code == 1
    assert files(tmp_path / "outputs") == ["a.json"]
    assert "1 of 3 images done" in done.output
    assert "there is no file or folder 'gone.png'" in done.output
    assert "'*.tif' matches nothing" in done.output


def test_a_run_that_writes_nothing_says_so(cli, images, stand_in, tmp_path):
    (tmp_path / "a.png").write_text("text")
    done = cli("predict", "a.png")
    assert done.exit_code == 1
    assert "failed: a.png is no image" in done.output
    assert "0 of 1 image done; nothing was written" in done.output


def test_many_people_are_summed_up_in_one_line(cli, images, stand_in):
    images(crowd=100)
    done = cli("predict", "crowd.png", "--save", "json")
    assert "100 people (score 0.90 to 0.90; 3.0 to 3.0 m away; camera assumed)" in done.output


def test_the_home_folder_is_understood_in_output_paths(
    cli, images, stand_in, tmp_path, monkeypatch
):
    images(a=1)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    assert cli("predict", "a.png", "--out", "~/results").exit_code == 0
    assert files(tmp_path / "home" / "results") == ["a.json", "a_pose.jpg"]
    assert not (tmp_path / "~").exists()


def test_a_weights_file_that_names_its_model_is_a_model(cli, images, stand_in, tmp_path):
    images(a=1)
    weights = {"a": np.zeros(3, np.float32)}
    write_torch_file(tmp_path / "best.pth", weights, {"meta": {"model": "rtmw3d-x"}})
    for file, name in (("best.pth", "rtmw3d-x"), (MODELS["rtmw3d-n"].file.path, "rtmw3d-n")):
        done = cli("predict", "a.png", "--model", file)
        assert done.exit_code == 0, done.output
        assert (stand_in.choice.model, stand_in.choice.pose_checkpoint) == (name, Path(file))


def test_detector_none_is_for_given_boxes(cli, images, stand_in):
    images(a=1)
    done = cli("predict", "a.png", "--detector", "none", "--boxes", "1,2,30,40")
    assert done.exit_code == 0, done.output
    done = cli("predict", "a.png", "--detector", "none")
    assert done.exit_code == 2
    assert "--detector none needs --boxes" in done.output
