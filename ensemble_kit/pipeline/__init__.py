"""The story, a file a chapter: the only place where the islands meet.

    pictures  a data folder -> decoded splits at one size
    train     data + architecture + recipe -> run, checkpoint, member
    tta       checkpoint + views -> more views in the member, and their weights
    checkpoints  the plan in a checkpoint, its network, its member
    members   what there is, how good it is; add, remove, rename
    blend     members -> blend, honest figures
    submit    blend -> a checked CSV with its provenance
    zoo       which architectures there are
    demo      all of it on drawn pictures

A chapter's public function has the name and the parameters of its command.
"""
