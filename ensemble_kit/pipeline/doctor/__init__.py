"""Is this machine, and is this folder, fit for work? Each finding with its remedy. Read first: `doctor`."""
