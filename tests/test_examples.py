"""The examples run where nothing of ours is installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ensemble_kit.inference.blend_graph.graph import INPUT, OUTPUTS, BlendGraph, Count, MemberGraph
from ensemble_kit.inference.engines.onnx_export import graph_bytes

EXAMPLE = Path(__file__).parents[1] / "examples" / "predict_onnx.py"
ALONE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "timm", "pandas", "onnx", "ensemble_kit", "models_zoo"}:
            raise ImportError(f"{name} is not there")

sys.meta_path.insert(0, Nothing())
with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
sys.argv = sys.argv[1:]
"""


class Colours(nn.Module):
    """Three classes: how red, green and blue an image is."""

    def forward(self, pixels):
        return 9 * pixels.mean(dim=(2, 3))


@pytest.mark.parametrize("side_px", [None, 13])
def test_a_class_and_its_probability_are_printed_without_torch_and_ensemble_kit(side_px, tmp_path):
    looker = MemberGraph(Colours(), 13, ("identity", "hflip"), (0.5, 0.5), 1.0, 1.0)
    module = BlendGraph([looker], Count("cast_logit", "logits", 1.0, 1e-12), side_px)
    sample = torch.zeros(2, 3, *((41, 53) if side_px is None else (side_px, side_px)), dtype=torch.uint8)
    axes = {0: "images"} | ({2: "height", 3: "width"} if side_px is None else {})
    about = {"classes": '["rot", "gr\\u00fcn", "blau, hell"]', "size_px": "null" if side_px is None else str(side_px)}
    (tmp_path / "net.onnx").write_bytes(graph_bytes(module, sample, axes, INPUT, OUTPUTS, about))
    Image.new("RGB", (29, 17), (0, 255, 0)).save(tmp_path / "one.png")
    Image.new("RGBA", (7, 31), (0, 0, 255, 255)).save(tmp_path / "two.png")
    (tmp_path / "alone.py").write_text(ALONE + EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", "alone.py", str(EXAMPLE), "net.onnx", "one.png", "two.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    sure = np.exp(9) / (np.exp(9) + 2)
    assert done.stdout.splitlines() == [f"one.png: grün {sure:.4f}", f"two.png: blau, hell {sure:.4f}"]


def test_the_example_is_short():
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 30
