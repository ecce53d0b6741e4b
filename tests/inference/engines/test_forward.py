"""Looking gives what the module gives, view by view, whatever the batch and the memory."""

import numpy as np
import pytest
import torch
from torch import nn

from ensemble_kit.errors import BadDataError, InvalidOptionError, ResourceError
from ensemble_kit.inference.engines.forward import choose_device, compute_logits, start

IMAGES = np.random.default_rng(0).integers(0, 256, (11, 3, 6, 6), dtype=np.uint8)


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(64, 5)
    )


def running(module):
    return start(module, "eager", "cpu", IMAGES)


def short_of_memory(images, error):
    """A model that holds so many images at most, and how many it saw at a time."""
    seen = []

    def run(pixels):
        if len(pixels) > images:
            raise error
        seen.append(len(pixels))
        return pixels.mean((2, 3))

    return running(run), seen


def test_logits_are_those_of_the_module_in_eval_mode_for_each_view():
    module = network()
    counted = []
    looked = compute_logits(running(module), IMAGES, ("identity", "hflip"), batch_size=4, on_batch=counted.append)
    assert counted == [4, 4, 3]
    assert looked.batch_size == 4
    module.eval()
    with torch.no_grad():
        pixels = torch.from_numpy(IMAGES).float() / 255
        for view, batch in enumerate((pixels, pixels.flip(-1))):
            np.testing.assert_allclose(looked.logits[view], module(batch).numpy(), atol=1e-6)


def test_each_view_costs_its_own_milliseconds(monkeypatch):
    clock = [0.0]

    def run(pixels):
        clock[0] += 0.011 if torch.equal(pixels, pixels[..., :1].expand_as(pixels)) else 0.022
        return pixels.mean((2, 3))

    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    stripes = np.broadcast_to(np.arange(6, dtype=np.uint8)[:, None], (11, 3, 6, 6))
    looked = compute_logits(running(run), stripes, ("identity", "rot90"), batch_size=11)
    np.testing.assert_allclose(looked.ms_by_view, [1, 2])


def test_equal_batches_give_equal_bits():
    first, again = (
        compute_logits(running(network()), IMAGES, ("identity", "vflip"), batch_size=4).logits for _ in range(2)
    )
    assert first.tobytes() == again.tobytes()


def test_bits_of_a_view_do_not_depend_on_the_views_beside_it():
    alone = compute_logits(running(network()), IMAGES, ("crop@0.75:tl",), batch_size=7).logits[0]
    beside = compute_logits(
        running(network()), IMAGES, ("identity", "crop@0.75:br", "crop@0.75:tl", "rot90"), batch_size=7
    ).logits
    assert alone.tobytes() == beside[2].tobytes()


def test_bits_of_whole_batches_do_not_depend_on_the_images_after_them():
    whole = compute_logits(running(network()), IMAGES, ("identity",), batch_size=4).logits
    part = compute_logits(running(network()), IMAGES[:8], ("identity",), batch_size=4).logits
    assert whole[:, :8].tobytes() == part.tobytes()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("no room"),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    ],
)
def test_where_memory_runs_out_the_batch_is_halved_and_nothing_is_lost(error):
    model, seen = short_of_memory(3, error)
    looked = compute_logits(model, IMAGES, ("identity",), batch_size=8)
    np.testing.assert_allclose(looked.logits[0], IMAGES.mean((2, 3)) / 255, atol=1e-6)
    assert (seen, looked.batch_size) == ([2, 2, 2, 2, 2, 1], 2)


def test_the_half_of_a_batch_that_did_not_fit_counts_from_the_images_there_were():
    model, seen = short_of_memory(5, MemoryError())
    assert compute_logits(model, IMAGES, ("identity",), batch_size=1000).batch_size == 5
    assert seen == [5, 5, 1]


def test_one_image_that_does_not_fit_is_an_error_with_a_remedy():
    model, _ = short_of_memory(0, MemoryError("all 3 bytes are taken"))
    with pytest.raises(ResourceError, match="does not fit into the memory of cpu .all 3 bytes are taken.*--device cpu"):
        compute_logits(model, IMAGES, ("identity",))


def test_memory_that_runs_out_without_words_is_an_error_too():
    model, _ = short_of_memory(0, MemoryError())
    with pytest.raises(ResourceError, match="does not fit into the memory of cpu"):
        compute_logits(model, IMAGES, ("identity",))


def test_other_errors_of_a_model_are_not_taken_for_a_lack_of_memory():
    model, _ = short_of_memory(0, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        compute_logits(model, IMAGES, ("identity",))


def test_a_diverged_module_is_named_with_the_view_and_the_image():
    def run(pixels):
        logits = pixels.mean((2, 3))
        logits[pixels[:, 0, 0, 0] == IMAGES[9, 0, -1, 0] / np.float32(255)] = float("nan")
        return logits

    with pytest.raises(BadDataError, match="not finite for view 'vflip' of image 9.*lower --lr"):
        compute_logits(running(run), IMAGES, ("identity", "vflip"), batch_size=4)


def test_no_image_at_all_is_an_error():
    with pytest.raises(BadDataError, match="There is no image; wanted at least one"):
        compute_logits(running(network()), IMAGES[:0], ("identity",))


def test_a_device_that_is_not_there_is_refused():
    assert choose_device("cpu") == "cpu"
    with pytest.raises(InvalidOptionError, match="--device warp is not there"):
        choose_device("warp")
