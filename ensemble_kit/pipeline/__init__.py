"""The story, a file a chapter: the only place where the islands meet.

    data          a data set looked over before anything is learnt from it
    pictures      a data folder -> decoded splits at one size
    show_augment  training pictures as the network sees them
    find_lr       data + architecture + recipe -> which learning rate to train with
    train         data + architecture + recipe -> members: one, or a family of seeds or folds
    one_run       one of them: run, checkpoint, member, snapshots (its steps: reserve, networks, fitting, writing)
    config        what was asked for, as a run's config.yaml keeps it
    folding       one fold of the training pictures held out
    unfinished    a run on its way: its state, how to go on with it
    interruption  Ctrl-C, SIGTERM and SIGHUP, where nothing is half done
    checkpoints   the plan in a checkpoint, its network, its member
    probe         a frozen network + a linear classifier -> run, checkpoint, member, in seconds (features)
    tta           checkpoint + views -> more views in the member, and their weights (models, looking, view_judgement)
    members       what there is, how good it is; add, remove, rename
    soup          members of one architecture -> one member of their mean weights (ingredients)
    blend         members -> blend, honest figures (ways, grounds, judgement, alternatives, blend_notes)
    families      the folds of one network, weighed as one on what they held out (out_of_fold)
    compare       two members or blends -> which is better
    trials        how often a val set was asked
    submit        blend, or a CSV -> a submission that is checked, kept and counted (drafts, targets, desk)
    submissions   what was handed in, and the scores that came back
    score         submissions + the truth -> public and private scores
    predict       blend, or member, + new pictures -> their classes
    export        blend -> one ONNX graph (export_check, export_metadata)
    auto          a budget of time -> all of it (auto_work, budget, portfolio, flip_trial)
    doctor        is this machine, and this folder, fit for work (doctor_packages, doctor_folder)
    zoo           which architectures there are
    demo          all of it on drawn pictures

A chapter's public function has the name and the parameters of its command, and is entered and left
by one border: `command`.
"""
