"""A folder that only one process writes to, and what killed ones leave in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rtmpose3d.errors import InputError, OutputError
from rtmpose3d.structures.atomic import atomic_write, remove_temporary_files
from rtmpose3d.structures.folder_lock import folder_lock

_HOLDER = """
import sys, time
from pathlib import Path
from rtmpose3d.structures.atomic import atomic_path
from rtmpose3d.structures.folder_lock import folder_lock
folder = Path(sys.argv[1])
with folder_lock(folder, "training"), atomic_path(folder / "step.pth") as temporary:
    temporary.write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """A process that holds the folder and is writing a file there."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_by_the_number_of_the_first(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(InputError, match=rf"in use by another training, process {holder.pid};"),
        folder_lock(tmp_path, "training"),
    ):
        pytest.fail("it was entered")
    assert holder.poll() is None


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_the_lock_of_a_killed_process_does_not_count(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    (left,) = [path for path in tmp_path.iterdir() if ".tmp" in path.name]
    with folder_lock(tmp_path, "training"):
        assert remove_temporary_files(tmp_path) == [left]
    assert list(tmp_path.iterdir()) == []


def test_nothing_stays_and_the_folder_can_be_held_again(tmp_path: Path) -> None:
    for _ in range(3):
        with folder_lock(tmp_path, "rendering"):
            assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []


def test_two_in_one_process_are_refused_as_well(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path, "training"),
        pytest.raises(InputError, match=f"process {os.getpid()}"),
        folder_lock(tmp_path, "training"),
    ):
        pytest.fail("it was entered twice")


def test_a_file_where_a_folder_should_be_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"), folder_lock(tmp_path / "file", "training"):
        pytest.fail("it was entered")


def test_only_names_of_temporary_files_are_removed(tmp_path: Path) -> None:
    kept = ["notes.tmp", ".hidden", "a.tmp.txt", ".tmp", "shard-1.abcdef12.tmp"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    with atomic_write(tmp_path / "step.pth") as handle:
        handle.write(b"x")
        (path,) = remove_temporary_files(tmp_path)
        assert path.name.startswith(".step.")
        path.write_bytes(b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*kept, "step.pth"])
