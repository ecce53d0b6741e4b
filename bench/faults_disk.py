"""Commands on a full disk of twelve sizes: a small memory disk is mounted, and filled but for so many bytes.

Each command must end in time with exit code 6, or well where there is room; nothing is lost, nothing is
left behind, and with room again the same command ends in the bits of an undisturbed run. Needs root.
"""

import os
import subprocess
import time

import faults_commands as commands
from faults_kills import fresh, in_child, looked_at, undisturbed

FREE_KB = (0, 4, 8, 16, 32, 64, 100, 200, 400, 800, 1600, 3200)
DISK_BYTES = 48 << 20
PATIENCE_S = 90.0


def fill(command, ek, template, work):
    """Return the counts of what was found over all sizes."""
    _, seconds, after = undisturbed(command, ek, template, work)
    before = commands.seen(template)
    found = {"command": command, "sizes": 0, "full": 0, "hung": 0, "other_end": 0, "slowest_s": 0.0}
    found |= {"lost": 0, "left": 0, "refused": 0, "differs": 0, "examples": {}}
    disk = work / "disk"
    disk.mkdir(exist_ok=True)
    for free_kb in FREE_KB:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", disk], check=True)
        try:
            seen = on_disk(command, ek, template, disk, free_kb, before, after)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)
        found["sizes"] += 1
        found["slowest_s"] = max(found["slowest_s"], seen.pop("seconds"))
        for what, example in seen.items():
            if example:
                found[what] += 1
                found["examples"].setdefault(what, []).append([free_kb, example])
    found["alone_s"] = seconds
    return found


def on_disk(command, ek, template, disk, free_kb, before, after):
    """Return what was found at one size."""
    folder = fresh(template, disk / "work")
    (disk / "tmp").mkdir()
    filler = disk / "filler"

    def full():
        os.environ["TMPDIR"] = str(disk / "tmp")
        return {"end": commands.ran(command, ek)}

    status = os.statvfs(disk)
    with open(filler, "wb") as file:
        file.write(bytes(max(status.f_bavail * status.f_frsize - 1024 * free_kb, 0)))
    started = time.perf_counter()
    ended = in_child(full, folder, patience_s=PATIENCE_S)
    seconds = time.perf_counter() - started
    filler.unlink()
    again = ended.get("end") != ""  # there was room, it is done
    seen = in_child(lambda: looked_at(command, ek, before, after, again), folder)
    if "error" in seen:
        seen = {"refused": seen["error"]}
    end = ended.get("end", "")
    return {
        "seconds": seconds,
        "hung": ended.get("error", ""),
        "full": end if end.startswith("ResourceError") else "",
        "other_end": end if end and not end.startswith("ResourceError") else "",
        **seen,
    }


def table(found):
    """Return the lines of the table."""
    lines = [
        "| command | sizes | refused as full | hung | other error | slowest s (alone) | lost | left behind "
        "| rerun refused | other bits |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        first = [str(one[key]) for key in ("command", "sizes", "full", "hung", "other_end")]
        last = [str(one[key]) for key in ("lost", "left", "refused", "differs")]
        slowest = f"{one['slowest_s']:.1f} ({one['alone_s']:.1f})"
        lines.append(f"| {' | '.join([*first, slowest, *last])} |")
    return lines
