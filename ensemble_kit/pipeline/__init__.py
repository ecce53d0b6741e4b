"""The one place where the islands meet: a room a job, in the order in which a project goes.

    entry      what holds for all commands: errors, leftovers, signals, the cache
    inputs     a data folder -> decoded splits;  data check, augmented images to look at
    models     networks, checkpoints, external models, saved blends; forward passes
    members    what members there are, families of folds, external scores, the evaluation set
    runs       train, probe, soup, find-lr: from images to a run, its checkpoint and its member
    views      TTA: more views in a member, and their weights
    blends     members -> blend, honest estimate, full report; compare two
    predict, export, report, submit     what is done with a blend
    auto, doctor                        all of it in a time budget; is this machine fit

A room imports only rooms above it in this list. The public function of a command has the command's name, is entered
and left by `entry.command`, and is named once, in `ensemble_kit/__init__.pyi`; a room's face shows it only where
another room calls it. Read first: `runs.train`, then `blends.blend`.
"""
