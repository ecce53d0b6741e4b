"""Damaged files, read back: by kind of file, what came of flipped bits, zeros, swaps, cuts and appended bytes.

Claim: what ek wrote and reads back is, where it differs, refused by name or made anew; never another
result, never a traceback. A small drawn working folder; one thread; kinds and commands: tests/damage_cases.py.

    python bench/faults_flips.py --work DIR --times 70
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import damage_cases as cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="an empty folder, or one of an earlier call")
    parser.add_argument("--times", type=int, default=70, help="damages a kind of file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default="", help="some only, separated by semicolons")
    asked = parser.parse_args()
    kinds = [kind for kind in asked.kinds.split(";") if kind]
    print(table(asked.work.resolve(), asked.times, asked.seed, kinds or list(cases.READS)))


def table(work: Path, times: int, seed: int, kinds=tuple(cases.READS)) -> str:
    """Return the table in Markdown: each kind of file damaged so many times, spread over the commands that read it."""
    import torch

    import ensemble_kit as ek

    torch.set_num_threads(1)
    cases.preload()
    template, whole = work / "flips", {}
    if not template.exists():
        _prepare(template)
    lines = [
        f"{ek.__file__}, {times} damages a kind, seed {seed}\n",
        f"| file | commands | damages | {' | '.join(cases.VERDICTS)} |",
        "|---|---|" + "--:|" * (1 + len(cases.VERDICTS)),
    ]
    for kind in kinds:
        quick = [name for name in cases.READS[kind] if name != "export"]  # it takes ten times as long as the others
        if not list(template.glob(cases.PLACES[kind])):
            continue
        found = Counter()
        for number in range(times):
            name = quick[number % len(quick)]
            if name not in whole:
                whole[name] = cases.undamaged(template, work / "copy", name)
            outcome, path = cases.damage_and_run(template, work / "copy", kind, name, seed + number)
            came = cases.verdict(outcome, whole[name], path)
            found[came] += 1
            if came in (cases.SILENT, cases.TRACEBACK):
                print(f"{kind}, {name}, seed {seed + number}: {came}: {outcome.said[-200:]!r}", file=sys.stderr)
        counts = " | ".join(str(found[one]) for one in cases.VERDICTS)
        lines.append(f"| {kind} | {len(quick)} | {times} | {counts} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def _prepare(template: Path) -> None:
    """Make the folder that is damaged, in a process of its own."""
    child = os.fork()
    if child == 0:
        done = 1
        try:
            cases.prepare(template)
            done = 0
        finally:
            os._exit(done)
    if os.waitpid(child, 0)[1]:
        raise SystemExit(f"{template} could not be prepared.")


if __name__ == "__main__":
    main()
