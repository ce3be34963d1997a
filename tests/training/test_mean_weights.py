"""The mean of several files of weights."""

import numpy as np
import pytest

from rtmpose3d.errors import InputError, WeightsError
from rtmpose3d.training.mean_weights import main, write_mean
from rtmpose3d.weights import read_checkpoint, read_meta, write_torch_file


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(3)
    paths = [tmp_path / f"{i}.pth" for i in range(3)]
    for i, path in enumerate(paths):
        arrays = {
            "conv.weight": rng.normal(size=(2, 3)).astype(np.float32),
            "norm.num_batches_tracked": np.array(10 * i, np.int64),
        }
        write_torch_file(path, arrays, {"meta": {"step": 100 + i, "model": "rtmw3d-n"}})
    return paths


def test_it_is_the_mean_and_keeps_metadata_that_all_share(files, tmp_path, capsys):
    out = tmp_path / "mean.pth"
    main([*map(str, files), "--out", str(out)])
    assert "mean of 3 files" in capsys.readouterr().out
    all_of_them = [read_checkpoint(path) for path in files]
    mean = read_checkpoint(out)
    expected = np.mean([one["conv.weight"] for one in all_of_them], axis=0)
    np.testing.assert_allclose(mean["conv.weight"], expected, rtol=1e-6)
    assert mean["conv.weight"].dtype == np.float32
    assert mean["norm.num_batches_tracked"] == 0
    assert read_meta(out) == {"model": "rtmw3d-n", "mean_of": 3}


def test_files_of_different_models_have_none(files, tmp_path):
    other = tmp_path / "other.pth"
    write_torch_file(other, {"conv.weight": np.zeros((2, 4), np.float32)})
    with pytest.raises(
        WeightsError, match=r"other\.pth does not fit the model of .*0\.pth.*2x4 instead"
    ):
        write_mean([files[0], other], tmp_path / "mean.pth")
    assert not (tmp_path / "mean.pth").exists()


def test_one_file_has_none(files, tmp_path):
    with pytest.raises(InputError, match="at least two files"):
        write_mean(files[:1], tmp_path / "mean.pth")
    with pytest.raises(SystemExit, match=r"error: .*missing\.pth"):
        main([str(files[0]), str(tmp_path / "missing.pth"), "--out", str(tmp_path / "mean.pth")])
