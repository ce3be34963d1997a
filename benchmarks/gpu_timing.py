"""Times of queued work on a GPU, for gpu.py: between CUDA events, and by the wall clock."""

from __future__ import annotations

import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import partial

import torch

WARM_UP_S = 0.1
MAX_RUNS = 1000
MATMUL_SIZE = 8192
COPY_BYTES = 2**31
_NVIDIA_SMI_FIELDS = (
    "name",
    "driver_version",
    "clocks.sm",
    "clocks.max.sm",
    "clocks.mem",
    "power.draw",
    "temperature.gpu",
    "utilization.gpu",
)


def device_times_ms(
    queue: Callable[[], object], device: torch.device, seconds: float
) -> list[float]:
    """Times of single runs on the device, between events around each; after warming up.

    On the CPU the wall clock is read instead.
    """
    if device.type != "cuda":
        return wall_times_ms(queue, seconds)
    one_ms = _warm_up(queue, device)
    count = max(5, min(MAX_RUNS, int(1e3 * seconds / one_ms)))
    events = [
        (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
        for _ in range(count)
    ]
    for start, end in events:
        start.record()
        queue()
        end.record()
    torch.cuda.synchronize(device)
    return [start.elapsed_time(end) for start, end in events]


def _warm_up(queue: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of one run, by the wall clock."""
    runs, start = 0, time.perf_counter()
    while runs < 3 or time.perf_counter() - start < WARM_UP_S:
        queue()
        torch.cuda.synchronize(device)
        runs += 1
    return 1e3 * (time.perf_counter() - start) / runs


def wall_times_ms(run: Callable[[], object], seconds: float) -> list[float]:
    """Times of calls that return when the work is done; after warming up."""
    for _ in range(3):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < MAX_RUNS):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def measure_peaks(device: torch.device) -> dict[str, float]:
    """Rates of large matrix products, TFLOP/s by arithmetic, and of a copy, TB/s read and written.

    On the CPU both are small: a trial of the program, not a measurement.
    """
    size = MATMUL_SIZE if device.type == "cuda" else 256
    peaks = {}
    for name, dtype, tf32 in (
        ("bf16", torch.bfloat16, False),
        ("fp16", torch.float16, False),
        ("tf32", torch.float32, True),
        ("fp32", torch.float32, False),
    ):
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        out = torch.empty_like(a)
        torch.backends.cuda.matmul.allow_tf32 = tf32
        times = device_times_ms(partial(torch.mm, a, b, out=out), device, 0.15)
        peaks[f"{name} matmul, TFLOP/s"] = 2 * size**3 / (1e9 * sorted(times)[len(times) // 2])
    torch.backends.cuda.matmul.allow_tf32 = False
    count = COPY_BYTES if device.type == "cuda" else 2**20
    source = torch.empty(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    times = device_times_ms(lambda: target.copy_(source), device, 0.1)
    peaks["copy, TB/s"] = 2 * count / (1e9 * sorted(times)[len(times) // 2])
    return peaks


def profile_kernels(queue: Callable[[], object], device: torch.device, top: int = 25) -> list[dict]:
    """The kernels of one run with the most time: name, calls, microseconds on the device."""
    from torch.profiler import ProfilerActivity, profile

    queue()
    cuda = device.type == "cuda"
    with profile(activities=[ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU]) as profiler:
        queue()
        if cuda:
            torch.cuda.synchronize(device)
    rows = [
        {
            "kernel": event.key[:120],
            "calls": event.count,
            "us": event.self_device_time_total if cuda else event.self_cpu_time_total,
        }
        for event in profiler.key_averages()
    ]
    return sorted(rows, key=lambda row: -row["us"])[:top]


def gpu_state(device: torch.device) -> dict[str, object]:
    """Name, driver, clocks, power and temperature as nvidia-smi gives them; versions."""
    state: dict[str, object] = {
        "device": str(device),
        "versions": f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}",
    }
    if device.type != "cuda":
        return state
    properties = torch.cuda.get_device_properties(device)
    state["multiprocessors"] = properties.multi_processor_count
    state["name"] = properties.name
    program = shutil.which("nvidia-smi")
    if program is None:
        return state
    query = f"--query-gpu={','.join(_NVIDIA_SMI_FIELDS)}"
    try:
        answer = subprocess.run(
            [program, query, "--format=csv,noheader", f"--id={device.index or 0}"],
            capture_output=True,
            text=True,
            timeout=15,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return {**state, "nvidia-smi": f"failed: {error}"}
    values = (value.strip() for value in answer.strip().splitlines()[0].split(","))
    return {**state, **dict(zip(_NVIDIA_SMI_FIELDS, values, strict=False))}
