"""A small working folder in which every command can be typed, and the words of each."""

import os
from pathlib import Path

import ensemble_kit as ek

CLASS = "Zoë 日本"
TYPED = {
    "auto": "--data data --minutes 1 --plan --no-pretrained --no-flip",
    "blend": "",
    "compare": "cnn mlp",
    "completion": "bash",
    "data check": "data --csv found.csv",
    "demo": "walked",
    "demo-data": "drawn --train 20 --val 10 --test 3",
    "doctor": "",
    "export": "small --size 16",
    "find-lr": "--data data --arch mlp --steps 20",
    "members": "--verify",
    "members add": "brought --kind probabilities --val brought.csv",
    "members rename": "mlp-2 renamed",
    "members rm": "mlp-2",
    "predict": "--ckpt runs/cnn data/test",
    "probe": "--data data --arch cnn --init checkpoint.safetensors --name probed",
    "report": "small",
    "score": "submissions/small.csv --labels data/test-labels.csv",
    "show-augment": "--data data --rows 2 --copies 2",
    "soup": "mlp mlp-2 --name soup",
    "submissions": "",
    "submissions score": "small 0.9",
    "submissions withdraw": "small",
    "submit": "other --quota 3 --again",
    "train": "--data data --arch mlp --epochs 1 --name again",
    "tta": "--ckpt runs/cnn --views flips",
    "zoo": "--size 16",
}
"""A command of `ek`: the rest of what is typed. A new command gets a line here."""
TAKES_MINUTES = {"auto", "demo"}


def prepare(folder: Path) -> None:
    """Draw images, one class of a name beyond ASCII, and train three members on them."""
    ek.demo_data(folder / "data", train=40, val=20, test=20, size=16, quiet=True)
    for split in ("train", "val"):
        (folder / "data" / split / "ada").rename(folder / "data" / split / CLASS)
    before = os.getcwd()
    os.chdir(folder)
    try:
        for arch in ("mlp", "mlp", "cnn"):
            ek.train("data", arch, epochs=1, size=16, device="cpu", quiet=True)
        for name in ("small", "other"):
            ek.blend(members=["mlp", "cnn"], name=name, quiet=True)
        ek.submit("small", quiet=True)
        truth = Path("data/test-labels.csv")
        truth.write_text(truth.read_text(encoding="utf-8").replace(",ada", f",{CLASS}"), encoding="utf-8")
        Path("checkpoint.safetensors").write_bytes(next(Path("runs/cnn").glob("checkpoint-*")).read_bytes())
        val = next(Path("predictions/cnn").glob("val-*.csv")).read_text(encoding="utf-8").splitlines()[1:]
        classes = sorted({row.split(",")[1] for row in val})
        rows = [f"{row.split(',')[0]},{row.split(',')[1]},{'0.1,' * 10}"[:-1] for row in val]
        head = f"image_id,label,{','.join(classes)}"
        Path("brought.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    finally:
        os.chdir(before)
