"""One declaration of a per-person field gives its key, checks, selection, files and schema."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field, fields, replace

import jsonschema
import numpy as np
import pytest

from example_results import example_result
from rtmpose3d.errors import InputError
from rtmpose3d.sinks import json_schema, result_from_dict, result_to_dict, save_result
from rtmpose3d.sinks.npz_files import result_from_npz
from rtmpose3d.structures import FloatArray, PoseResult
from rtmpose3d.structures.fields import PersonField, person_fields


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TallResult(PoseResult):
    """A result with two fields more, each with one declaration."""

    heights_m: FloatArray | None = field(
        default=None,
        metadata=PersonField(
            description="Height of the person.",
            unit="m",
            optional=True,
            json_name="height_m",
            columns=("height_m",),
        ).metadata,
    )
    postures: tuple[str, ...] = field(
        default=(),
        metadata=PersonField(
            description="Posture of the person.",
            type="choice",
            choices=("standing", "sitting"),
            optional=True,
            key=False,
            json_name="posture",
        ).metadata,
    )


def tall_result(has_3d: bool = True) -> TallResult:
    plain = example_result(2, has_3d=has_3d)
    return TallResult(
        **{entry.name: getattr(plain, entry.name) for entry in fields(PoseResult)},
        heights_m=np.array([1.234564, np.nan], np.float32),
        postures=("sitting", "standing"),
    )


def test_a_declared_field_is_a_key_is_selected_and_compared():
    result = tall_result()
    assert result["heights_m"] is result.heights_m
    assert "heights_m" in result.keys()  # noqa: SIM118 - the view itself
    assert "postures" not in result
    second = result[[1]]
    assert type(second) is TallResult
    assert np.isnan(second.heights_m).tolist() == [True]
    assert second.postures == ("standing",)
    assert replace(result, heights_m=np.array([1.0, 2.0], np.float32)) != result


def test_a_declared_field_is_checked():
    with pytest.raises(InputError, match=r"heights_m must be .* \(2,\), got \(3,\)"):
        replace(tall_result(), heights_m=np.ones(3, np.float32))
    with pytest.raises(InputError, match="postures must be a tuple of 2 of standing, sitting"):
        replace(tall_result(), postures=("lying", "lying"))


@pytest.mark.parametrize("has_3d", [True, False])
def test_a_declared_field_is_in_the_json_document_and_its_schema(has_3d):
    result = tall_result(has_3d)
    document = json.loads(json.dumps(result_to_dict(result)))
    assert [person["height_m"] for person in document["people"]] == [1.23456, None]
    assert [person["posture"] for person in document["people"]] == ["sitting", "standing"]
    jsonschema.Draft202012Validator(json_schema(TallResult)).validate(document)
    document["people"][0]["posture"] = "lying"
    assert not jsonschema.Draft202012Validator(json_schema(TallResult)).is_valid(document)
    document["people"][0]["posture"] = "sitting"
    read = result_from_dict(document, result_type=TallResult)
    assert type(read) is TallResult
    np.testing.assert_allclose(read.heights_m, result.heights_m, atol=1e-5)
    assert read.postures == result.postures


def test_a_declared_field_is_in_npz_files(tmp_path):
    result = tall_result()
    data = save_result(result, tmp_path / "a.npz").read_bytes()
    read = result_from_npz(data, "a.npz", TallResult)
    assert read == replace(result, source=read.source)


def test_a_declared_field_is_in_tables(tmp_path):
    result = tall_result()
    with save_result(result, tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {(row["person"], row["height_m"]) for row in rows} == {("0", "1.23456"), ("1", "")}
    frame = result.to_dataframe()
    assert frame.columns[-1] == "height_m"
    assert frame.height_m[132] == result.heights_m[0]


def test_declared_names_are_different_and_computed_fields_can_be_computed():
    result = example_result(2)
    declared = person_fields(PoseResult)
    for names in (
        [entry.name for entry in declared],
        [entry.json_name for entry in declared if entry.json_name],
        [column for entry in declared for column in entry.columns],
    ):
        assert len(set(names)) == len(names)
    for entry in declared:
        if not entry.stored:
            value = getattr(result, entry.name)
            assert value.shape == (2, *entry.shape)
