"""SimCC: a keypoint as one distribution over bins per axis (x, y and, in 3D models, depth).

score: the network's raw number, the smaller of the highest logits over x and over y; it has no
    upper bound and no common scale among models. Depth does not contribute.
confidence: with p = softmax(beta * logits) on an axis, the probability within 1 sigma of the
    peak (`SimCCSpec.confidence_bins` to either side, inclusive); the smaller of x and y, and 0
    where the score is not above 0. It is in [0, 1] and comparable among models of the same sigma;
    that of the published ones is nearly the same.
standard deviation: with p on an axis as above, the root of the mean squared distance from the peak.
    It includes the width of the labels, about sigma, below which no distribution gets.
decode_sigma: where a model's spec sets it, the peak is that of the probabilities summed under a
    Gaussian of this width (`rtmpose3d.codec.smoothing`), and confidence counts within 1 sigma of
    that Gaussian. The score stays that of the highest bins.
"""

from rtmpose3d.codec.dark import refine_peaks
from rtmpose3d.codec.decode import (
    Decoded,
    decode_simcc,
    keypoints_from_bins,
    std_around,
    std_from_bins,
)
from rtmpose3d.codec.spec import DEPTH_RANGE_M, SimCCSpec

__all__ = [
    "DEPTH_RANGE_M",
    "Decoded",
    "SimCCSpec",
    "decode_simcc",
    "keypoints_from_bins",
    "refine_peaks",
    "std_around",
    "std_from_bins",
]
