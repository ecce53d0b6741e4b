"""`python -m ensemble_kit` is `ek`."""

from ensemble_kit.cli import ek

if __name__ == "__main__":
    ek(prog_name="ek")
