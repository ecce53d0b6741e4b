"""The story, a file a chapter: the only place where the islands meet.

    pictures  a data folder -> decoded splits at one size
    train     data + architecture + recipe -> run, checkpoint, member
    tta       checkpoint + views -> more views in the member, and their weights
    members   what there is, how good it is; add, remove, rename
    blend     members -> blend, honest figures, submission
    zoo       which architectures there are
    demo      all of it on drawn pictures

A chapter's public function has the name and the parameters of its command.
"""
