"""The command `ek` itself: what its help page says first, and all commands of this folder under it."""

import click

from ensemble_kit.cli.completion import offer
from ensemble_kit.cli.group.chapters import ChapteredGroup, found


@click.group(cls=ChapteredGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ensemble_kit", prog_name="ek")
def ek() -> None:
    """From folders of images to a submission you can trust.

    \b
    ek auto --data DIR --minutes 20       all of it within a time budget
    ek train --data DIR --arch cnn        train a member: logits on val and test
    ek tta --ckpt cnn --views flips       add test-time views (TTA)
    ek members                            accuracy of each member
    ek blend --method logit-sum           blend them, write the submission
    ek compare cnn vit                    which of two is better
    ek report                             all figures of a blend on one page
    ek predict logit-sum-auto new/        classes of new images
    ek submit logit-sum-auto              hand it in: checked, kept, counted
    ek export logit-sum-auto              the whole blend as one ONNX graph

    \b
    Example:
      ek demo        all of it on a drawn data set
    """


ek.fill(found())
offer(ek)
