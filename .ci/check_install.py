"""Checks a plain installation from inside its environment: `python check_install.py CHECKOUT`.

Run it in a folder that is not the checkout, so that the installed package is the one imported.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MAX_SIZE_MB = 530
MAX_IMPORT_S = 0.3
MAX_DEMO_S = 20.0  # two seconds on two idle cores; a busy machine is slower
IMPORT_RUNS = 7
NO_NETWORK = {  # connection attempts fail at once
    "HF_HUB_OFFLINE": "1",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
}
NOT_OURS = ("pip", "setuptools", "_distutils_hack", "pkg_resources")  # installed by venv itself
TIMING = (
    "import time, numpy, cv2; begin = time.perf_counter(); from rtmpose3d import *; "
    "print(time.perf_counter() - begin)"
)
SITE = Path(sysconfig.get_path("purelib"))
SITES = {SITE, Path(sysconfig.get_path("platlib"))}  # two folders on some systems
CHECKOUT = Path(sys.argv[1]).resolve()


def run(*command: str | Path, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of a command."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, **(env or {})},
    )
    return done.returncode, done.stdout + done.stderr


def rtmpose3d(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of the installed command."""
    name = "rtmpose3d.exe" if sys.platform == "win32" else "rtmpose3d"
    return run(Path(sysconfig.get_path("scripts")) / name, *arguments, env=env)


def is_the_installed_package() -> str:
    """The imported package is this environment's, not the checkout."""
    code, output = run(sys.executable, "-c", "import rtmpose3d; print(rtmpose3d.__file__)")
    assert code == 0, output
    assert Path(output.strip()).is_relative_to(SITE), f"{output.strip()} is not in {SITE}"
    return output.strip()


def installs_no_torch() -> str:
    """No dependency installs torch."""
    names = {str(one.metadata["Name"]).lower() for one in importlib.metadata.distributions()}
    heavy = sorted(
        name for name in names if name in ("torch", "triton") or name.startswith("nvidia")
    )
    assert not heavy, f"installed: {', '.join(heavy)}"
    return f"{len(names)} packages"


def is_small() -> str:
    """Size of site-packages without the packages that venv itself installs."""
    size = 0
    for site in SITES:
        for file in site.rglob("*"):
            top = file.relative_to(site).parts[0].split("-")[0]
            if file.is_file() and top not in NOT_OURS:
                size += file.stat().st_size
    megabytes = size / 1e6
    assert megabytes < MAX_SIZE_MB, f"{megabytes:.0f} MB, at most {MAX_SIZE_MB} MB"
    return f"{megabytes:.0f} MB, below {MAX_SIZE_MB} MB"


def imports_quickly() -> str:
    """Time to import all public names beyond numpy and cv2, the median of some runs."""
    times = []
    for _ in range(IMPORT_RUNS):
        code, output = run(sys.executable, "-c", TIMING)
        assert code == 0, output
        times.append(float(output))
    median = statistics.median(times)
    assert median < MAX_IMPORT_S, f"{median:.3f} s, at most {MAX_IMPORT_S} s"
    return f"{median:.3f} s, below {MAX_IMPORT_S} s"


def has_its_data_files() -> str:
    """Graphs, weights and type marker are in the wheel, as many as in the checkout."""
    package, source = SITE / "rtmpose3d", CHECKOUT / "src" / "rtmpose3d"
    wanted = {
        file.relative_to(source)
        for file in source.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    missing = sorted(str(name) for name in wanted if not (package / name).is_file())
    assert not missing, f"missing: {', '.join(missing)}"
    graphs = len(list(package.glob("runtime/graphs/*.onnx")))
    assert graphs > 0, "no graphs"
    for name in ("rtmw3d-n.safetensors", "rtmdet-n.safetensors", "people.jpg", "rtmw3d-n.md"):
        assert (package / "bundled" / name).is_file(), f"no bundled/{name}"
    assert (package / "py.typed").is_file()
    return f"{len(wanted)} files, {graphs} graphs"


def reports_its_version() -> str:
    """`rtmpose3d --version` is the version of pyproject.toml."""
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    expected = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert expected is not None
    code, output = rtmpose3d("--version")
    assert (code, output.strip()) == (0, f"rtmpose3d {expected[1]}"), f"{code}: {output}"
    return output.strip()


def lists_its_models() -> str:
    """`rtmpose3d models` works."""
    code, output = rtmpose3d("models")
    assert code == 0, output
    assert "rtmw3d-l" in output, output
    return f"{len(output.splitlines())} lines"


def doctor_reports_no_problem() -> str:
    """`rtmpose3d doctor` works in a process of its own; no network is only a warning."""
    code, output = rtmpose3d("doctor")
    assert code == 0, output
    return f"{len(output.splitlines())} lines"


def runs_its_demo_without_a_network() -> str:
    """The README's first command writes its two files with an empty cache and no network."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^pip install \. && rtmpose3d demo$", readme, re.MULTILINE), (
        "not in README.md"
    )
    with tempfile.TemporaryDirectory() as folder:
        out, home = Path(folder) / "out", Path(folder) / "home"
        empty = {"RTMPOSE3D_CACHE": str(home / "weights"), "HF_HOME": str(home)}
        begin = time.perf_counter()
        code, output = rtmpose3d("demo", "--out", str(out), env={**NO_NETWORK, **empty})
        taken = time.perf_counter() - begin
        assert code == 0, output
        assert sorted(file.name for file in out.iterdir()) == ["people.json", "people_pose.jpg"]
        people = len(json.loads((out / "people.json").read_text(encoding="utf-8"))["people"])
        written = [file for file in home.rglob("*") if file.is_file()]
        compiled = home / "weights" / "compiled"
        others = [str(file) for file in written if file.parent != compiled]
        assert not others, f"it wrote {', '.join(others)}"
    assert people > 0, output
    assert taken < MAX_DEMO_S, f"{taken:.1f} s, at most {MAX_DEMO_S} s"
    return f"{people} people, {taken:.1f} s, below {MAX_DEMO_S:.0f} s"


def names_the_missing_file() -> str:
    """The README's prediction, without weights and network, names file, folder and remedy."""
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    command = re.search(r"^rtmpose3d (predict https://\S+)$", readme, re.MULTILINE)
    assert command is not None, "README.md has no `rtmpose3d predict https://...`"
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "weights"
        code, output = rtmpose3d(
            *command[1].split(),
            "--out",
            str(Path(folder) / "out"),
            env={**NO_NETWORK, "RTMPOSE3D_CACHE": str(cache), "HF_HOME": folder},
        )
        text = " ".join(output.split())
        assert code == 2, f"{code}: {output}"
        assert "rtmw3d-l_8xb64_cocktail14-384x288-794dbc78_20240626.pth" in text, output
        assert str(cache) in text, output
        assert "--model rtmw3d-n" in text, output
        assert "Traceback" not in output, output
    return text


CHECKS: tuple[Callable[[], str], ...] = (
    is_the_installed_package,
    installs_no_torch,
    is_small,
    imports_quickly,
    has_its_data_files,
    reports_its_version,
    lists_its_models,
    doctor_reports_no_problem,
    runs_its_demo_without_a_network,
    names_the_missing_file,
)


def main() -> None:
    """Run all checks; exit code 1 if one fails."""
    failed = 0
    for check in CHECKS:
        title = check.__name__.replace("_", " ")
        try:
            print(f"{title}: {check()}")
        except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"{title}: FAILED: {error}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
