"""The story, a file a chapter: the only place where the islands meet.

    pictures  a data folder -> decoded splits at one size
    train     data + architecture + recipe -> run, checkpoint, member (its steps: reserve, fitting)
    unfinished   a run on its way: its state, how to go on with it
    interruption Ctrl-C and SIGTERM, where nothing is half done
    tta       checkpoint + views -> more views in the member, and their weights
    checkpoints  the plan in a checkpoint, its network, its member
    members   what there is, how good it is; add, remove, rename
    blend     members -> blend, honest figures
    compare   two members or blends -> which is better
    trials    how often a val set was asked
    submit    blend -> a checked CSV with its provenance
    doctor    is this machine, and this folder, fit for work (doctor_packages, doctor_folder)
    zoo       which architectures there are
    demo      all of it on drawn pictures

A chapter's public function has the name and the parameters of its command.
"""
