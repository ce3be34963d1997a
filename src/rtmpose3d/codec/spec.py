"""SimCC settings of one model: sizes, label width, depth range, temperature.

The rows of the model table hold one `SimCCSpec` each; decoding, the exported graph and training all
read the same one. Axes are in the order x, y[, z]; a bin is 1 / split_ratio pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rtmpose3d.errors import InputError

DEPTH_RANGE_M = 2.1744869  # RTMW3D codec (simcc_3d_label.py, z_range): bins cover root -/+ this


@dataclass(frozen=True, kw_only=True)
class SimCCSpec:
    """The codec of one pose model.

    Attributes:
        input_size_wh: width and height of the crop, px.
        sigma: standard deviation of the Gaussian labels in bins, one per axis.
        beta: factor on the logits before the softmax that the head was trained with
            (KLDiscretLoss): 10 for RTMPose and RTMW3D, 1 for RTMW.
        depth_size: the depth axis before the split ratio, as if it were pixels; None for 2D.
        split_ratio: bins per pixel.
        depth_range_m: the depth bins cover the root's depth -/+ this, metres.
        label_beta: factor on the labels before their softmax in the loss.
        normalize: whether labels are divided so that they sum to 1.
        use_dark: whether peaks are refined between bins (DARK).
        visibility: whether the model's published configuration decodes a visibility too.
        decode_sigma: standard deviation in bins of the Gaussian under which probabilities are
            summed before the peak is searched (`rtmpose3d.codec.smoothing`); None: the highest
            bin, as in the published models.

    Raises:
        InputError: an impossible number, not one sigma per axis, or decode_sigma with use_dark.
    """

    input_size_wh: tuple[int, int]
    sigma: tuple[float, ...]
    beta: float
    depth_size: int | None = None
    split_ratio: float = 2.0
    depth_range_m: float = DEPTH_RANGE_M
    label_beta: float = 10.0
    normalize: bool = False
    use_dark: bool = False
    visibility: bool = False
    decode_sigma: float | None = None

    def __post_init__(self) -> None:
        if len(self.input_size_wh) != 2:
            raise InputError(f"input_size_wh must be (width, height), got {self.input_size_wh!r}")
        if len(self.sigma) != self.axes:
            raise InputError(
                f"sigma must hold one width in bins per axis ({self.axes}), got {self.sigma!r}"
            )
        positive = {
            "input_size_wh": min(self.input_size_wh),
            "sigma": min(self.sigma),
            "beta": self.beta,
            "depth_size": 1 if self.depth_size is None else self.depth_size,
            "split_ratio": self.split_ratio,
            "depth_range_m": self.depth_range_m,
            "label_beta": self.label_beta,
            "decode_sigma": 1 if self.decode_sigma is None else self.decode_sigma,
        }
        for name, value in positive.items():
            if not (value > 0 and math.isfinite(value)):
                raise InputError(f"{name} must be above 0, got {getattr(self, name)!r}")
        if self.use_dark and self.decode_sigma is not None:
            raise InputError("use_dark refines the highest bin; decode_sigma searches another one")

    @property
    def has_depth(self) -> bool:
        """Whether there is a third axis, the depth relative to the root."""
        return self.depth_size is not None

    @property
    def axes(self) -> int:
        """Number of axes: 2 (x, y) or 3 (x, y, z)."""
        return 3 if self.has_depth else 2

    @property
    def bins(self) -> tuple[int, ...]:
        """Number of bins per axis."""
        sizes = (
            self.input_size_wh
            if self.depth_size is None
            else (
                *self.input_size_wh,
                self.depth_size,
            )
        )
        return tuple(round(size * self.split_ratio) for size in sizes)

    @property
    def confidence_bins(self) -> tuple[int, ...]:
        """Per axis, how many bins to either side of a peak count as near it: 1 sigma, rounded.

        The sigma is the label's, or `decode_sigma` where that is set.
        """
        widths = self.sigma if self.decode_sigma is None else (self.decode_sigma,) * self.axes
        return tuple(max(1, round(width)) for width in widths)
