"""The engine gives what the module gives, view by view."""

import numpy as np
import pytest
import torch
from torch import nn

from ensemble_kit.errors import BadDataError, InvalidOptionError
from ensemble_kit.inference.engine import choose_device, look

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 3, 6, 6), dtype=np.uint8)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 5)
    )


def test_logits_are_those_of_the_module_in_eval_mode_for_each_view():
    module = network()
    counted = []
    looked = look(module, IMAGES, ("identity", "hflip"), batch_size=4, on_batch=counted.append)
    assert counted == [4, 4, 3]
    assert looked.ms_per_image > 0
    module.eval()
    with torch.no_grad():
        pixels = torch.from_numpy(IMAGES).float() / 255
        for view, batch in enumerate((pixels, pixels.flip(-1))):
            np.testing.assert_allclose(looked.logits[view], module(batch).numpy(), atol=1e-6)


def test_equal_batches_give_equal_bits():
    first, again = (look(network(), IMAGES, ("identity", "vflip"), batch_size=4).logits for _ in range(2))
    assert first.tobytes() == again.tobytes()


def test_a_diverged_module_is_named_with_the_view_and_the_picture():
    module = network()
    nn.init.constant_(module[-1].weight, float("nan"))
    with pytest.raises(BadDataError, match="not finite for view 'identity' of picture 0"):
        look(module, IMAGES, ("identity",))


def test_a_device_that_is_not_there_is_refused():
    assert choose_device("cpu") == "cpu"
    with pytest.raises(InvalidOptionError, match="--device warp is not there"):
        choose_device("warp")
