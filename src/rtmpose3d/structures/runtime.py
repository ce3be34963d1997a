"""Backend, device and precision of a network that has run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Backend, device and precision of a network that has run.

    Attributes:
        backend: name of the backend, such as "openvino"; "" if it is unknown.
        device: "cpu", "cuda:0", ...
        precision: precision of the convolutions: "fp32", "bf16" or "fp16".
        precision_reason: "requested", or why "auto" selected it; "" if it is unknown.
    """

    backend: str
    device: str
    precision: str
    precision_reason: str = ""
