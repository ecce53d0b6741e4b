"""What faults leave: kills by command, full disks, crowds of writers, flipped bits.

Claim: nothing that stood is lost, nothing is left behind, and the same command again succeeds and ends in
the bits of an undisturbed run. A small drawn working folder on a memory disk; one thread; see faults_*.py.

    python bench/faults.py --table kills --kills 200
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", choices=["kills", "disk", "writers", "flips", "all"], default="all")
    parser.add_argument("--kills", type=int, default=200, help="a command; `auto` 20")
    parser.add_argument("--times", type=int, default=70, help="flips an artefact")
    parser.add_argument("--commands", default="", help="some only, comma-separated")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=None, help="an empty folder; default: on a memory disk")
    parser.add_argument("--examples", type=Path, default=None, help="write what was found, as JSON")
    asked = parser.parse_args()
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    work = Path(asked.work or tempfile.mkdtemp(prefix="faults-", dir=memory)).resolve()
    try:
        run(asked, work)
    finally:
        if asked.work is None:
            shutil.rmtree(work)


def run(asked, work):
    import faults_commands
    import faults_disk
    import faults_kills
    import faults_writers
    import matplotlib.pyplot
    import torch

    import ensemble_kit as ek

    torch.set_num_threads(1)
    names = [name for name in asked.commands.split(",") if name] or list(faults_commands.COMMANDS)
    template, found = work / "template", {}
    template.mkdir(parents=True)
    faults_kills.warm(
        faults_kills.in_child(lambda: {"error": faults_commands.prepare(ek), "modules": sorted(sys.modules)}, template)
    )
    print(f"torch {torch.__version__}, matplotlib {matplotlib.__version__}, one thread, {ek.__file__}\n", flush=True)
    if asked.table in ("kills", "all"):
        found["kills"] = []
        for name in names:
            found["kills"].append(faults_kills.kill_all(name, ek, template, work, asked.kills, asked.seed))
            print(*faults_kills.table(found["kills"][-1:])[0 if name == names[0] else 2 :], sep="\n", flush=True)
            note(asked.examples, found)
    if asked.table in ("disk", "all"):
        found["disk"] = []
        for name in [name for name in names if name != "auto"]:
            found["disk"].append(faults_disk.fill(name, ek, template, work))
            print(*faults_disk.table(found["disk"][-1:])[0 if name == names[0] else 2 :], sep="\n", flush=True)
            note(asked.examples, found)
    if asked.table in ("writers", "all"):
        found["writers"] = faults_writers.crowd(ek, template, work, asked.seed)
        print(*faults_writers.table(found["writers"]), sep="\n", flush=True)
    if asked.table in ("flips", "all"):
        from faults_flips import table

        print(table(work, asked.times, asked.seed), flush=True)
    note(asked.examples, found)


def note(path, found):
    if path is not None:
        path.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
