"""What a command understands by words that are typed."""

import click

from ensemble_kit.cli import ek


def understood(command, words):
    """The values of its parameters, as below `ek`: a command keeps the help option of the parent it meets first."""
    return command.make_context(command.name, list(words), parent=click.Context(ek, **ek.context_settings)).params
