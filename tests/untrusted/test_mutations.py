"""The script that reads mutations of every kind of file: a short run, and that it can fail."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from rtmpose3d.errors import InputError

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "mutate_inputs.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory need Linux")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutate_inputs", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(SCRIPT.parent))  # as for a script that is run
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SCRIPT.parent))
    return module


LIMITS = argparse.Namespace(seconds=20, memory_mb=1024)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mutations_of_every_kind_are_read_or_refused(script: ModuleType, tmp_path: Path) -> None:
    kinds = script.kinds(tmp_path)
    assert len({kind.name for kind in kinds}) == len(kinds) > 15
    counts, failures = script.run_block(kinds, range(10 * len(kinds)), 5, tmp_path, LIMITS)
    assert failures == []
    assert counts["read"] > 20
    assert counts["refused"] > 20


def test_a_mutation_is_always_the_same(script: ModuleType) -> None:
    kind = script.Kind(name="json", seeds=[b'{"a": [1, 2, {"b": 3}]}'], read=len, is_json=True)
    random = script.random.Random
    first = [script.mutate(kind, random(f"1 {number}")) for number in range(50)]
    assert first == [script.mutate(kind, random(f"1 {number}")) for number in range(50)]
    assert len(set(first)) > 40


def _refuse(path: Path) -> None:
    raise InputError("refused")


def _fail(path: Path) -> None:
    raise KeyError("foreign")


def _crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fill(path: Path) -> bytes:
    return bytes(2**31)


def _wait(path: Path) -> None:
    time.sleep(30)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("read", "outcome", "words"),
    [
        (_refuse, "refused", ""),
        (len, "failed", "TypeError"),
        (_fail, "failed", "KeyError"),
        (_crash, "failed", "crash or hang"),
        (_fill, "failed", "MemoryError"),
        (_wait, "failed", "crash or hang"),
    ],
)
def test_whatever_is_no_error_of_ours_is_a_failure(
    script: ModuleType, tmp_path: Path, read: object, outcome: str, words: str
) -> None:
    kind = script.Kind(name="txt", seeds=[b"text"], read=read)
    limits = argparse.Namespace(seconds=1, memory_mb=512)
    counts, failures = script.run_block([kind], range(2), 0, tmp_path, limits)
    assert counts[outcome] == 2
    assert all(words in failure.text for failure in failures)
