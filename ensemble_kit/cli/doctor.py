"""`ek doctor`: is this machine, and is this folder, fit for work?"""

from typing import Any

import click

from ensemble_kit.cli import options


@click.command()
@options.several(options.cache, options.json)
@click.pass_context
def doctor(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Check this machine and this folder; name remedies.

    Python, torch and torchvision, devices, memory, disk, file locks, cache, extras and
    weights. Exit code 6 where there is a problem; notes are no problems.

    \b
    Example:
      ek doctor
      ek doctor --json
    """
    import ensemble_kit
    from ensemble_kit.reporting import doctor as doctor_report

    report = ensemble_kit.doctor(**given)
    options.show(report, doctor_report.examined, as_json)
    ctx.exit(0 if report.well else 6)


CHAPTER = "Machine"
COMMANDS = (doctor,)
