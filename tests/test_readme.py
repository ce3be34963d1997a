"""README.md and its neighbours are true: tables, commands, options, links, and code that runs.

`python tests/test_readme.py` writes the table of models anew into README.md.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import typer.main

from rtmpose3d.cli import app
from rtmpose3d.structures import Detections
from rtmpose3d.zoo import ALIASES, DEMO_IMAGE, MODELS, ModelSpec, PoseSpec, RemoteFile, resolve

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md"))]
DOCUMENTS += [ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
WITH_CODE = [README, ROOT / "docs" / "output.md"]
GIVES = {"pose3d": "2D + 3D", "pose2d": "2D", "detector": "boxes"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.M)


def between(path: Path, mark: str) -> str:
    """What stands between the comments `mark: begin` and `mark: end`."""
    found = re.search(
        rf"<!-- {mark}: begin -->\n(.*?)<!-- {mark}: end -->", path.read_text("utf-8"), re.DOTALL
    )
    assert found is not None, f"{path.name} has no {mark}"
    return found[1]


# -- the table of models ---------------------------------------------------------------------------


def models_table() -> str:
    """README's table, made from the code's."""
    lines = [
        "| model | gives | input | AP | AR | 3D error | parameters | GFLOPs |",
        "|---|---|---|---:|---:|---:|---:|---:|",
        *(f"| {' | '.join(cells(spec))} |" for spec in MODELS.values()),
    ]
    return "\n".join(lines) + "\n"


def cells(spec: ModelSpec) -> list[str]:
    width, height = spec.input_size_wh
    pose = spec if isinstance(spec, PoseSpec) else None
    return [
        f"`{spec.name}`",
        GIVES[spec.task],
        f"{height}x{width}",
        f"{pose.ap:.1f}" if pose and pose.ap is not None else "",
        f"{pose.ar:.1f}" if pose and pose.ar is not None else "",
        f"{pose.mpjpe_m * 1000:.0f} mm" if pose and pose.mpjpe_m is not None else "",
        f"{spec.params / 1e6:.1f} M",
        f"{spec.gflops:.1f}",
    ]


def test_table_of_models_is_that_of_the_code() -> None:
    assert between(README, "models") == models_table(), "run: python tests/test_readme.py"


def test_files_to_fetch_by_hand_are_those_of_the_default_model() -> None:
    text = README.read_text("utf-8")
    for name in ("rtmw3d-l", "rtmdet-m"):
        file = MODELS[name].file
        assert isinstance(file, RemoteFile)
        assert f"`{file.name}`" in text
        assert f"https://huggingface.co/{file.hub_repo}" in text


def test_models_named_in_code_and_commands_exist() -> None:
    named = re.findall(r"\b(?:rtmw3d|rtmw|rtmpose|dwpose|rtmdet)-[\w-]+", README.read_text("utf-8"))
    files = {spec.file.name.removesuffix(".pth") for spec in MODELS.values()}
    for name in set(named) - files:
        assert name in MODELS or name in ALIASES, name


# -- commands --------------------------------------------------------------------------------------


def commands() -> list[list[str]]:
    """The words of every command in the documents that starts rtmpose3d."""
    lines = [
        part.strip()
        for path in DOCUMENTS
        for block in blocks(path, "bash")
        for line in block.splitlines()
        for part in line.split("&&")
    ]
    return [shlex.split(line) for line in lines if line.startswith("rtmpose3d ")]


def options_of(command: str, *words: str) -> set[str]:
    """Options of a command, or of the one within it that the next word names."""
    found = typer.main.get_command(app).commands[command]  # pyright: ignore[reportAttributeAccessIssue]
    for word in words:
        found = getattr(found, "commands", {}).get(word, found)
    return {name for parameter in found.params for name in parameter.opts}


def test_commands_and_their_options_exist() -> None:
    assert len(commands()) >= 5
    for words in commands():
        known = options_of(*words[1:3])
        used = {word.split("=")[0] for word in words if word.startswith("-")}
        assert used <= known, f"{shlex.join(words)}: {used - known}"


def test_options_named_in_the_text_exist() -> None:
    known = options_of("evaluate", "coco-wholebody").union(
        *map(options_of, ("demo", "predict", "models", "export", "doctor", "train"))
    )
    for path in (README, ROOT / "docs" / "output.md"):
        for option in re.findall(r"`(--[a-z0-9-]+)[ `=]", path.read_text("utf-8")):
            assert option in known, f"{name_of(path)}: {option}"


def test_test_command_is_the_same_wherever_it_stands() -> None:
    command = 'python -m pip install -c constraints.txt -e ".[dev]" && python -m pytest -n 2'
    for name in ("README.md", "CONTRIBUTING.md", ".github/workflows/ci.yml"):
        assert command in (ROOT / name).read_text("utf-8"), name


def test_first_command_is_the_demo_and_its_files_are_named() -> None:
    text = README.read_text("utf-8")
    assert blocks(README, "bash")[0] == "pip install . && rtmpose3d demo\n"
    assert f"`{DEMO_IMAGE.stem}_pose.jpg`" in text
    assert f"`{DEMO_IMAGE.stem}.json`" in text


def test_first_prediction_is_given_an_image_and_needs_nothing_else() -> None:
    text = README.read_text("utf-8")
    found = re.findall(r"^rtmpose3d predict (https://\S+)$", text, re.M)
    assert len(found) == 1
    stem = found[0].rsplit("/", 1)[1].removesuffix(".jpg")
    assert f"`{stem}.json`" in text
    assert f"`{stem}_pose.jpg`" in text


# -- names that the documents rely on --------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = path.read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if target.startswith(("http://", "https://")):
            continue
        name, _, heading = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), f"{name_of(path)}: {target}"
        if heading:
            headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.M)
            anchors = {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}
            assert heading in anchors, f"{name_of(path)}: {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_files_and_modules_named_in_the_text_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    source = ROOT / "src" / "rtmpose3d"
    for name in re.findall(r"`((?:[a-z_0-9]+/)+(?:[a-z_0-9]+\.(?:py|toml|md|json))?)`", text):
        assert (ROOT / name).exists() or (source / name).exists(), f"{name_of(path)}: {name}"
    for module in re.findall(r"python -m (rtmpose3d[\w.]+)", text):
        parts = module.split(".")[1:]
        assert (source.joinpath(*parts).with_suffix(".py")).is_file(), f"{name_of(path)}: {module}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_environment_variables_named_in_the_text_are_read(path: Path) -> None:
    code = "".join(
        file.read_text("utf-8")
        for file in [*(ROOT / "src").rglob("*.py"), ROOT / "tests" / "conftest.py"]
    )
    for variable in re.findall(r"\b(?:RTMPOSE3D|HF)_[A-Z_]+", path.read_text("utf-8")):
        assert f'"{variable}"' in code, f"{name_of(path)}: {variable}"


def test_extras_are_those_of_pyproject() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    table = re.search(r"\[project.optional-dependencies\]\n(.*?)\n\[", pyproject, re.DOTALL)
    assert table is not None
    extras = set(re.findall(r"^(\w+) = ", table[1], re.M))
    text = README.read_text("utf-8")
    rows = re.search(r"\| extra \| for \|\n\|---\|---\|\n((?:\|.*\n)+)", text)
    assert rows is not None
    assert set(re.findall(r"^\| `(\w+)` \|", rows[1], re.M)) <= extras


def test_layers_in_the_architecture_are_those_that_are_checked() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    contract = re.search(r"^layers = \[\n(.*?)^\]", pyproject, re.DOTALL | re.M)
    assert contract is not None
    checked = [
        [name.strip().removeprefix("rtmpose3d.") for name in line.split(":")]
        for line in re.findall(r'"(.+)"', contract[1])
    ]
    written = between(ROOT / "ARCHITECTURE.md", "layers").split("\n")
    assert [line.strip().split(", ") for line in written if line.strip()] == checked


# -- code ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_python_in_the_text_compiles(path: Path) -> None:
    for number, block in enumerate(blocks(path, "python")):
        compile(block, f"{name_of(path)}, block {number}", "exec")


@pytest.mark.parametrize("path", WITH_CODE, ids=name_of)
def test_python_in_the_text_runs_from_top_to_bottom(
    path: Path,
    made_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With made-up weights, so that no network is needed; two people are found."""
    pytest.importorskip("pandas")
    people = Detections(
        boxes_xyxy=np.array([[281, 45, 499, 391], [20, 60, 130, 330]], np.float32),
        scores=np.array([0.9, 0.6], np.float32),
    )
    monkeypatch.setattr(
        "rtmpose3d.api.model.checkpoint_path", lambda spec, *_, **__: made_checkpoint(spec.name)
    )
    monkeypatch.setattr("rtmpose3d.api.model.detect_people", lambda *_, **__: [people])
    monkeypatch.chdir(tmp_path)
    coarse = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = PIL.Image.fromarray(coarse).resize((640, 425), PIL.Image.Resampling.BICUBIC)
    image.save("people.jpg")
    names: dict[str, object] = {}
    found = blocks(path, "python")
    assert found
    for number, block in enumerate(found):
        exec(compile(block, f"{name_of(path)}, block {number}", "exec"), names)
    assert (tmp_path / "people.json").is_file()
    assert "(" in capsys.readouterr().out


def test_resolve_knows_the_names_that_the_api_example_uses() -> None:
    for name in re.findall(r'from_pretrained\("([^"]+)"', README.read_text("utf-8")):
        assert isinstance(resolve(name), PoseSpec)


def write_models_table() -> None:
    """Put the table of models into README.md."""
    text = README.read_text("utf-8")
    before, mark, rest = text.partition("<!-- models: begin -->\n")
    after = rest[rest.index("<!-- models: end -->") :]
    README.write_text(before + mark + models_table() + after, "utf-8", newline="\n")


if __name__ == "__main__":
    write_models_table()
