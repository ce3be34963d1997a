import numpy as np
import pytest

from rtmpose3d.api import RTMPose3DConfig
from rtmpose3d.cli.model_options import ModelOptions
from rtmpose3d.codec import decode_simcc
from rtmpose3d.pipeline import crop_images, decode_crops
from rtmpose3d.zoo import resolve_pose


class CountingSession:
    """Logits of chance, the same for the same pixels; notes how many crops it was given."""

    def __init__(self, name):
        self.spec = resolve_pose(name)
        self.crops = []

    def run_simcc(self, crops):
        self.crops.append(len(crops))
        seeds = [int(crop.astype(np.int64).sum()) for crop in crops]
        return tuple(
            np.stack([np.random.default_rng(s).random((133, n), np.float32) for s in seeds])
            for n in self.spec.codec.bins
        )

    def run(self, crops):
        return decode_simcc(self.run_simcc(crops), self.spec.codec)


@pytest.mark.parametrize(
    ("name", "flip_test", "runs"),
    [
        ("rtmw3d-n", None, 2),
        ("rtmw3d-n", True, 2),
        ("rtmw3d-n", False, 1),
        ("rtmw3d-l", None, 1),
        ("rtmw3d-l", True, 2),
        ("rtmw3d-l", False, 1),
    ],
)
def test_mirrored_crops_run_if_the_caller_or_else_the_model_says_so(name, flip_test, runs):
    session = CountingSession(name)
    image = np.random.default_rng(0).integers(0, 255, (80, 60, 3), np.uint8)
    boxes = np.array([[5, 5, 50, 70], [0, 0, 30, 40]], np.float32)
    crops = crop_images([image], [boxes], session.spec.input_size_wh)
    decode_crops(session, crops, flip_test=flip_test)
    assert sum(session.crops) == 2 * runs


def test_a_configuration_leaves_it_to_the_model_unless_it_is_told():
    assert RTMPose3DConfig(model="rtmw3d-n").flip_test is None
    assert RTMPose3DConfig(model="rtmw3d-n", flip_test=False).flip_test is False


@pytest.mark.parametrize(("typed", "used"), [(None, True), (False, False), (True, True)])
def test_reports_of_the_command_line_say_what_was_done(typed, used):
    assert ModelOptions(model="rtmw3d-n", flip_test=typed).uses_flip_test is used
    assert ModelOptions(model="rtmw3d-l", flip_test=typed).uses_flip_test is bool(typed)
