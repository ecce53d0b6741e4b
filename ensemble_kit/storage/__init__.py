"""Members, runs, blends, submissions and ledgers on disk: atomic, checksummed, locked.

    atomic         how a file is replaced, and how a folder is locked
    intents        a change of several files, written down first, so that who comes after a kill ends it
    receipts       what a killed command had committed, for its rerun
    leftovers      what dead processes left, cleared by the next command
    editable       text of ours that a person may edit, which then is said
    fields         data classes from JSON and back
    manifest       what member.json says
    rows           who stands in which row: `image_id[,label][,group]`
    data_files     the array and the rows of one split
    member_folder  the commit: member.json replaced, then swept
    snapshots      members as they stood at one moment, without a lock
    members        all that concerns members: write, read, list, rename, remove
    views          adding views to a member, and setting their weights
    parts          how a long look at pictures is cut, and the file of one part
    jobs           the finished parts of a look, until the member is written
    scores         score files that other programs wrote
    runs           config, metrics and checkpoint of one training run
    blends         a saved blend and its pins
    ledger         every configuration tried, one sealed line each
    submissions    sample files, submission CSVs and their provenance
    desk_ledger    what was handed in (desk_rules: what a judge allows; desk_days: when its days end)
    submission_check  one submission against what is wanted (submission_file, _causes)
    verify         every checksum of everything, forced

Nothing is ever written in place, and nothing foreign is ever unpickled. This island
knows no model and no blending maths. To store something new: write it with
`atomic.replace_file`, seal its JSON, and add its check to `verify`.
"""
