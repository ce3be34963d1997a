"""docs/datasets.md agrees with the table of datasets, and its code runs."""

import re
from pathlib import Path

import pytest

from rtmpose3d.data import DATASETS

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def sections():
    text = PAGE.read_text("utf-8")
    found = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        name = re.search(r"Name: `([^`]+)`", section)
        if name:
            found[name[1]] = " ".join(section.split())
    return found


def test_every_dataset_has_its_section():
    assert list(sections()) == list(DATASETS)


@pytest.mark.parametrize("spec", DATASETS.values(), ids=lambda spec: spec.name)
def test_a_section_says_what_the_table_says(spec):
    section = sections()[spec.name]
    assert spec.licence in section
    assert f"rtmpose3d datasets check {spec.name} " in section
    assert spec.page in section or spec.name == "rendered"
    assert ("Not verified" in section) != spec.verified
    for name, split in spec.splits.items():
        assert f"| {name} | <code>{split.annotations}</code> |" in section
        counts = f"| {split.image_count or '-'} | {split.people or '-'} |"
        assert counts in section


def test_the_page_s_code_runs(synthetic, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    synthetic.folder.rename(tmp_path / "data" / "coco")
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[1]
    names = {}
    exec(compile(code, str(PAGE), "exec"), names)  # the page's own example
    assert len(names["records"]) == 3
    assert names["image"].shape == (61, 97, 3)
