"""Commands that are killed: at each file operation, and at random moments.

A child a kill, forked from a process that has imported all. After the kill, in a fresh child: is all
that stood before whole, does another command (`ek members`) run and leave nothing of the dead, does
the same command again succeed, and is the folder then that of an undisturbed run.
"""

import contextlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import faults_commands as commands

PATIENCE_S = 120.0
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
COUNTED = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}


def in_child(work, folder, killed_after_s=None, patience_s=PATIENCE_S):
    """Run it in a forked child in the folder; return what it returned, or how the child ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.chdir(folder)
            os.write(writing, json.dumps(work()).encode())
        except BaseException as error:
            os.write(writing, json.dumps({"error": repr(error)}).encode())
        os._exit(0)
    os.close(writing)
    end = time.monotonic() + patience_s
    if killed_after_s is not None:
        time.sleep(killed_after_s)
        os.kill(child, signal.SIGKILL)
    parts = []
    os.set_blocking(reading, False)
    while True:
        try:
            if not (part := os.read(reading, 1 << 20)):
                break
            parts.append(part)
        except BlockingIOError:
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                parts = [json.dumps({"error": f"did not end in {patience_s:g} s"}).encode()]
                break
            time.sleep(0.002)
    os.close(reading)
    os.waitpid(child, 0)
    return json.loads(b"".join(parts)) if parts else {"error": "killed"}


class Operations:
    """Counts the file operations of this process that write, and kills it before the n-th."""

    def __init__(self, kill_at=0):
        self.count, self.kill_at = 0, kill_at
        here = os.getcwd()

        def counted(path):
            if isinstance(path, int) or os.path.abspath(os.fsdecode(path)).startswith(here):
                self.count += 1
                if self.count == self.kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        def heard(event, arguments):
            if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
                if not isinstance(arguments[0], int) and arguments[0] is not None:
                    counted(arguments[0])
            elif event in COUNTED:
                counted(arguments[0])

        fsync = os.fsync

        def synced(descriptor):
            counted(0)
            fsync(descriptor)

        os.fsync = synced
        sys.addaudithook(heard)


def undisturbed(command, ek, template, work):
    """Return the number of operations of a whole run, its seconds, and the folder that it leaves."""
    folder = fresh(template, work / "whole")

    def whole():
        operations, started = Operations(), time.perf_counter()
        error = commands.ran(command, ek)
        seconds = time.perf_counter() - started
        return {"error": error, "count": operations.count, "seconds": seconds, "modules": sorted(sys.modules)}

    warm(in_child(lambda: {**whole(), "modules": sorted(sys.modules)}, folder))
    ended = in_child(whole, fresh(template, folder))
    if ended["error"]:
        raise SystemExit(f"{command}, undisturbed: {ended['error']}")
    return ended["count"], ended["seconds"], commands.seen(folder)


def warm(ended):
    """Import here what a child imported, so that no later child has to; raise where it failed."""
    if ended.get("error"):
        raise SystemExit(ended["error"])
    for name in ended["modules"]:
        if name not in sys.modules and name != "__main__":
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def fresh(template, folder):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(template, folder)
    return folder


def looked_at(command, ek, before, after, again=True, verified_first=True):
    """Return what was lost, left behind, refused, and what differs; the current folder is that of the killed.

    again: whether the command is run once more.
    verified_first: whether all is verified before another command runs, which ends what was half done, or after.
    """
    from ensemble_kit.storage.verify import verify_all

    found: dict[str, Any] = {"lost": [], "left": [], "refused": "", "differs": []}
    now = commands.seen(".")
    found["lost"] = [
        name for name, digest in before.items() if now.get(name) not in (digest, after.get(name)) and name != ".ek/"
    ]

    def verify():
        try:
            verify_all(*commands.PLACES)
        except Exception as error:
            found["lost"].append(f"{type(error).__name__}: {error}"[:300])

    if verified_first:
        verify()
    try:
        ek.members()
    except Exception as error:
        found["left"].append(f"ek members: {error}"[:200])
    if not verified_first:
        verify()
    found["left"] += leftovers(commands.seen("."), before, after, command)
    if again:
        found["refused"] = commands.ran(command, ek)
    ended = commands.seen(".")
    found["left"] += leftovers(ended, before, after, command)
    if command not in commands.BY_THE_CLOCK:
        found["differs"] = [name for name in {*ended, *after} if ended.get(name) != after.get(name)]
    return found


GOES_ON = (".ek/looks/", ".ek/receipts/")  # parts of a look, and the memory of what was committed, wait for the rerun
RESUMED = ("state-", "unfinished.yaml")


def leftovers(now, before, after, command):
    """Return what neither stood before nor belongs to the whole, nor waits to be gone on with."""
    names = [name for name in now if name not in before and name not in after]
    if command in commands.BY_THE_CLOCK:
        names = [name for name in names if name.rpartition("/")[2].startswith(".")]
    waiting = [name for name in names if name.startswith(GOES_ON) and not Path(name).name.startswith(".")]
    waiting += [name for name in names if Path(name).name.startswith(RESUMED)]
    return [name for name in names if name not in waiting]


def kill_all(command, ek, template, work, kills, seed):
    """Kill a command so often; return the counts of what was found, and examples."""
    rng, started = random.Random(seed), resource.getrusage(resource.RUSAGE_CHILDREN)
    count, seconds, after = undisturbed(command, ek, template, work)
    before = commands.seen(template)
    kills = min(kills, commands.SLOW.get(command, kills))
    at_operations = min(count, kills // 2)
    points = [1 + place * count // at_operations for place in range(at_operations)] if at_operations else []
    found = {"command": command, "operations": count, "kills": 0, "lost": 0, "left": 0, "refused": 0, "differs": 0}
    found["examples"] = {}

    def has_ended(child):
        """Say whether a child ended before it was killed: it said so, or all is done and its receipt is gone."""
        return "moment" in child or commands.seen(work / "killed") == after

    for number in range(kills):
        folder = fresh(template, work / "killed")
        if number < len(points):

            def work_in(point=points[number]):
                Operations(point)
                return {"error": commands.ran(command, ek)}

            in_child(work_in, folder)
        else:
            while has_ended(in_child(lambda: {"moment": commands.ran(command, ek)}, folder, rng.uniform(0, seconds))):
                folder = fresh(template, work / "killed")
        first = number % 2 == 0
        seen = in_child(lambda first=first: looked_at(command, ek, before, after, verified_first=first), folder)
        found["kills"] += 1
        if "error" in seen:
            seen = {"lost": [], "left": [], "refused": seen["error"], "differs": []}
        for what in ("lost", "left", "refused", "differs"):
            if seen[what]:
                found[what] += 1
                point = points[number] if number < len(points) else "random"
                found["examples"].setdefault(what, []).append([point, seen[what]])
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    found["cpu_s"] = ended.ru_utime + ended.ru_stime - started.ru_utime - started.ru_stime
    return found


def table(found):
    """Return the lines of the table."""
    lines = [
        "| command | file operations | kills | lost | left behind | rerun refused | other bits | CPU s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    keys = ("command", "operations", "kills", "lost", "left", "refused", "differs")
    lines += [f"| {' | '.join(str(one[key]) for key in keys)} | {one['cpu_s']:.0f} |" for one in found]
    return lines
