"""README.md and the other documents are true: tables, commands, options, links, runnable code.

`python tests/test_readme.py` regenerates the tables of models and the layers in ARCHITECTURE.md.
"""

from __future__ import annotations

import pkgutil
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import typer.main

from rtmpose3d.cli.app import app
from rtmpose3d.structures import Detections
from rtmpose3d.zoo import ALIASES, DEMO_IMAGE, MODELS, ModelSpec, PoseSpec, RemoteFile, resolve
from video_files import make_video, steady

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
DOCS = ROOT / "docs"
DOCUMENTS = [README, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md"))]
DOCUMENTS += [ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md")), DOCS / "api" / "index.md"]
DOCUMENTS += [ROOT / "tests" / "fixtures" / "README.md"]
DOCUMENTS += sorted((ROOT / "src" / "rtmpose3d" / "bundled").glob("*.md"))
WITH_CODE = [
    README,
    DOCS / "output.md",
    DOCS / "video.md",
    DOCS / "coordinates.md",
    DOCS / "migrating.md",
]
MAX_README_LINES = 150
README_MODELS = (
    "rtmw3d-l",
    "rtmw3d-x",
    "rtmw-m-256x192",
    "rtmw-l-384x288",
    "rtmpose-l-384x288",
    "dwpose-l-384x288",
    "rtmw3d-n",
)
GIVES = {"pose3d": "2D + 3D", "pose2d": "2D", "detector": "boxes"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text("utf-8"), re.DOTALL | re.M)


def between(path: Path, mark: str) -> str:
    """The text between the comments `mark: begin` and `mark: end`."""
    found = re.search(
        rf"<!-- {mark}: begin -->\n(.*?)<!-- {mark}: end -->", path.read_text("utf-8"), re.DOTALL
    )
    assert found is not None, f"{path.name} has no {mark}"
    return found[1]


# -- the table of models ---------------------------------------------------------------------------


def models_table(names: Iterable[str]) -> str:
    """A table of models, generated from the rows of `MODELS`."""
    lines = [
        "| model | output | input | AP | AR | 3D error | parameters | GFLOPs |",
        "|---|---|---|---:|---:|---:|---:|---:|",
        *(f"| {' | '.join(cells(MODELS[name]))} |" for name in names),
    ]
    return "\n".join(lines) + "\n"


MODEL_TABLES = {README: README_MODELS, DOCS / "models.md": tuple(MODELS)}


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


@pytest.mark.parametrize("path", MODEL_TABLES, ids=name_of)
def test_table_of_models_is_that_of_the_code(path: Path) -> None:
    expected = models_table(MODEL_TABLES[path])
    assert between(path, "models") == expected, "run: python tests/test_readme.py"


def test_number_of_models_in_the_readme_is_that_of_the_code() -> None:
    assert f"has all {len(MODELS)} models" in README.read_text("utf-8")


def test_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= MAX_README_LINES


def test_files_to_download_by_hand_are_those_of_the_default_model() -> None:
    text = (DOCS / "installation.md").read_text("utf-8")
    for name in ("rtmw3d-l", "rtmdet-m"):
        file = MODELS[name].file
        assert isinstance(file, RemoteFile)
        assert f"`{file.name}`" in text
        assert f"https://huggingface.co/{file.hub_repo}" in text


@pytest.mark.parametrize("path", [README, DOCS / "models.md", DOCS / "migrating.md"], ids=name_of)
def test_models_named_in_code_and_commands_exist(path: Path) -> None:
    named = re.findall(r"\b(?:rtmw3d|rtmw|rtmpose|dwpose|rtmdet)-[\w-]+", path.read_text("utf-8"))
    for name in named:
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


def known_options(command: str, *words: str) -> set[str]:
    """Options of a command, or of its subcommand that the next word names."""
    found = typer.main.get_command(app).commands[command]  # pyright: ignore[reportAttributeAccessIssue]
    for word in words:
        found = getattr(found, "commands", {}).get(word, found)
    return {name for parameter in found.params for name in parameter.opts}


def test_commands_and_their_options_exist() -> None:
    assert len(commands()) >= 5
    for words in commands():
        known = known_options(*words[1:3])
        used = {word.split("=")[0] for word in words if word.startswith("-")}
        assert used <= known, f"{shlex.join(words)}: {used - known}"


def test_options_named_in_the_text_exist() -> None:
    commands_of_app = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]
    known = {"--help", "--version", "--node-rank"}  # the last is torchrun's
    for name, command in commands_of_app.items():
        known |= known_options(name).union(
            *(known_options(name, sub) for sub in getattr(command, "commands", {}))
        )
    for path in DOCUMENTS:
        if path in (DOCS / "results.md", ROOT / "CHANGELOG.md"):
            continue  # they also name options of earlier versions and of benchmarks
        for option in re.findall(r"`(--[a-z0-9-]+)[ `=]", path.read_text("utf-8")):
            assert option in known, f"{name_of(path)}: {option}"


def test_test_command_is_the_same_in_all_documents() -> None:
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
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.M)
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
def test_modules_and_names_of_the_package_in_the_text_exist(path: Path) -> None:
    for name in set(re.findall(r"`(rtmpose3d(?:\.[A-Za-z_]\w*)+)`", path.read_text("utf-8"))):
        found = pkgutil.resolve_name(name)
        assert found is not None, f"{name_of(path)}: {name}"


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
    assert set(re.findall(r"^\| `(\w+)` \|", rows[1], re.M)) == extras


def layers_block() -> str:
    """The layers of import-linter's contract, one line for each."""
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    contract = re.search(r"^layers = \[\n(.*?)^\]", pyproject, re.DOTALL | re.M)
    assert contract is not None
    lines = re.findall(r'"(.+)"', contract[1])
    return "".join(f"    {line.replace('rtmpose3d.', '').replace(' :', ',')}\n" for line in lines)


def test_layers_in_the_architecture_are_those_that_are_checked() -> None:
    expected = layers_block()
    assert between(ARCHITECTURE, "layers") == expected, "run: python tests/test_readme.py"


def test_every_package_is_listed_in_the_architecture() -> None:
    text = ARCHITECTURE.read_text("utf-8")
    source = ROOT / "src" / "rtmpose3d"
    for file in source.rglob("*/__init__.py"):
        name = file.parent.relative_to(source).as_posix()
        assert re.search(rf"^\|.*`{name}/", text, re.M), name


def test_folders_of_tests_are_packages_of_the_source() -> None:
    packages = {file.parent.name for file in (ROOT / "src" / "rtmpose3d").glob("*/__init__.py")}
    folders = {folder.name for folder in (ROOT / "tests").iterdir() if any(folder.glob("*.py"))}
    assert folders - {"reference"} <= packages  # reference: what tests compare the package with


# -- code ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_python_in_the_text_compiles(path: Path) -> None:
    for number, block in enumerate(blocks(path, "python")):
        compile(block, f"{name_of(path)}, block {number}", "exec")


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_CODE, ids=name_of)
def test_python_in_the_text_runs_from_top_to_bottom(
    path: Path,
    made_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With random weights, so that no network is needed, and two detected people."""
    pytest.importorskip("pandas")
    people = Detections(
        boxes_xyxy=np.array([[281, 45, 499, 391], [20, 60, 130, 330]], np.float32),
        scores=np.array([0.9, 0.6], np.float32),
    )
    monkeypatch.setattr(
        "rtmpose3d.api.opening.checkpoint_path", lambda spec, *_, **__: made_checkpoint(spec.name)
    )
    monkeypatch.setattr("rtmpose3d.pipeline.estimator.detect_people", lambda *_, **__: [people])
    monkeypatch.chdir(tmp_path)
    coarse = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    image = PIL.Image.fromarray(coarse).resize((640, 425), PIL.Image.Resampling.BICUBIC)
    image.save("people.jpg")
    if "walk.mp4" in path.read_text("utf-8"):
        make_video(tmp_path / "walk.mp4", steady(6), size_wh=(640, 426))
    names: dict[str, object] = {}
    found = blocks(path, "python")
    assert found
    for number, block in enumerate(found):
        exec(compile(block, f"{name_of(path)}, block {number}", "exec"), names)
    assert "people.json" not in path.read_text("utf-8") or (tmp_path / "people.json").is_file()
    assert "(" in capsys.readouterr().out


@pytest.mark.parametrize("path", WITH_CODE, ids=name_of)
def test_resolve_knows_the_names_that_the_examples_use(path: Path) -> None:
    for name in re.findall(r'from_pretrained\("([^"]+)"', path.read_text("utf-8")):
        assert isinstance(resolve(name), PoseSpec)


# -- the documentation site ------------------------------------------------------------------------


def test_every_page_of_the_documentation_is_in_its_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").split("\nnav:")[1]
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).as_posix()
        assert re.search(rf"[:-] {re.escape(name)}$", navigation, re.M), name


def test_every_public_package_is_in_the_api_reference() -> None:
    index = (DOCS / "api" / "index.md").read_text("utf-8")
    source = ROOT / "src" / "rtmpose3d"
    internal = {"api", "cli"}  # api: its classes are on the page of rtmpose3d
    for file in [*source.glob("*/__init__.py"), *source.glob("*/*/__init__.py")]:
        package = file.parent.relative_to(source).as_posix().replace("/", ".")
        first_level = package.split(".")[0]
        if first_level not in internal:
            page = (DOCS / "api" / f"{first_level}.md").read_text("utf-8")
            assert f"::: rtmpose3d.{package}\n" in page
            assert f"({first_level}.md)" in index


def write_generated_blocks() -> None:
    """Replace the tables of models and the block of layers in the documents."""
    blocks = [(path, "models", models_table(names)) for path, names in MODEL_TABLES.items()]
    for path, mark, content in [*blocks, (ARCHITECTURE, "layers", layers_block())]:
        text = path.read_text("utf-8")
        before, begin, rest = text.partition(f"<!-- {mark}: begin -->\n")
        after = rest[rest.index(f"<!-- {mark}: end -->") :]
        path.write_text(before + begin + content + after, "utf-8", newline="\n")


if __name__ == "__main__":
    write_generated_blocks()
