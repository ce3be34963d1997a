"""A file read in a process of its own, of at most 1 GiB and 30 s: what became of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_SECONDS = 60  # the readers need less than 5 on an idle core
_PROGRAM = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
from pathlib import Path
from rtmpose3d.errors import RTMPose3DError
{imports}
path = Path(sys.argv[1])
try:
    {call}
except RTMPose3DError as error:
    text = str(error)
    assert "more memory than there is" not in text, text
    print("refused:", text[:1000])
else:
    print("read")
"""


def read_limited(path: Path, imports: str, call: str) -> str:
    """Calls a reader in a limited process.

    Args:
        path: the file; the call has it under this name.
        imports: line of Python.
        call: expression of Python.

    Returns:
        "read", or "refused: " and the message of an error of ours.
    """
    if sys.platform != "linux":
        pytest.skip("the memory of a process can be limited on Linux only")
    program = _PROGRAM.format(imports=imports, call=call)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
