"""Sixteen writers in one folder at once, a third of them killed: members added, blends, views, submissions.

What the survivors wrote must be there whole, what stood before too; another command then leaves nothing of
the dead, and the ledgers hold a line for each survivor's work. The killed die at a file operation of their own.
"""

import os
import random
from pathlib import Path
from typing import Any

import faults_commands as commands
from faults_kills import Operations, fresh, in_child, undisturbed

WRITERS, ROUNDS = 16, 20
FEWEST_OPERATIONS = 36  # of the works below


def work_of(number, ek):
    """Do one writer's work; return what must be there afterwards."""
    quiet = commands.QUIET
    kind = number % 4
    if kind == 0:
        ek.members_add(f"brought-{number}", "brought.csv", kind="probabilities")
        return f"predictions/brought-{number}/member.json"
    if kind == 1:
        ek.blend(members=["mlp", "kin"], weights="equal", name=f"blend-{number}", **quiet)
        return f"blends/blend-{number}.json"
    if kind == 2:
        if number > 2:
            ek.report("small", out=f"reports/page-{number}.html", thumbnails=False, **quiet)
            return f"reports/page-{number}.html"
        ek.tta("runs/spare", views="flips", **commands.CPU)  # which is in no blend, so none goes stale
        return "predictions/spare/member.json"
    ek.submit("other", again=True, quota=100, **quiet)
    return "submissions/ledger.jsonl"


def crowd(ek, template, work, seed):
    """Let crowds write; return the counts of what was found."""
    from ensemble_kit.storage.submissions import log as desk_ledger
    from ensemble_kit.storage.verify import verify_all

    rng = random.Random(seed)
    found: dict[str, Any] = {"rounds": ROUNDS, "writers": 0, "killed": 0, "failed": [], "lost": [], "left": []}
    before = commands.seen(template)
    undisturbed("members add", ek, template, work)
    for _ in range(ROUNDS):
        folder = fresh(template, work / "crowd")
        children = {}
        victims = {number: rng.randrange(1, FEWEST_OPERATIONS) for number in rng.sample(range(WRITERS), WRITERS // 3)}
        for number in range(WRITERS):
            child = os.fork()
            if child == 0:
                os.chdir(folder)
                try:
                    if number in victims:
                        Operations(victims[number])
                    made = work_of(number, ek)
                    os._exit(0 if Path(made).exists() else 2)
                except BaseException as error:
                    Path(work, f"error-{number}.txt").write_text(repr(error))
                    os._exit(1)
            children[child] = number
        submitted = 1
        survivors = []
        for child, number in children.items():
            _, status = os.waitpid(child, 0)
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
                survivors.append(number)
                submitted += number % 4 == 3
            elif os.WIFSIGNALED(status):
                found["killed"] += 1
            else:
                found["failed"].append([number, Path(work, f"error-{number}.txt").read_text()[:300]])
        found["writers"] += WRITERS

        def checked(survivors=survivors, submitted=submitted):
            lost = []
            try:
                ek.members()
                verify_all(*commands.PLACES)
            except Exception as error:
                lost.append(f"{type(error).__name__}: {error}"[:300])
            there = len(desk_ledger.read_log(Path("submissions")))
            if there < submitted:
                lost.append(f"{there} submissions of {submitted}")
            kept = len(list(Path("submissions/handed-in").glob("*.csv")))
            if kept != there:
                lost.append(f"{kept} CSVs kept of {there} submissions")
            now = commands.seen(".")
            replaced = "predictions/spare/"  # data files are named by their content; `verify_all` looks for them
            lost += [name for name in before if name not in now and not name.startswith(replaced)]
            return {
                "lost": lost,
                "left": [name for name in now if Path(name).name.startswith((".tmp", ".intent", ".uns"))],
            }

        seen = in_child(checked, folder)
        found["lost"] += seen.get("lost", [seen.get("error")])
        found["left"] += seen.get("left", [])
    return found


def table(found):
    """Return the lines of the table."""
    return [
        "| rounds of 16 writers | writers | killed | failed otherwise | lost | left behind |",
        "|---|---|---|---|---|---|",
        f"| {found['rounds']} | {found['writers']} | {found['killed']} | {len(found['failed'])} | {len(found['lost'])} "
        f"| {len(found['left'])} |",
        *(f"{what}: {one}" for what in ("failed", "lost", "left") for one in found[what][:5]),
    ]
