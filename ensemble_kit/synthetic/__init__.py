"""The drawn demo data set: small pictures of ten invented cartoon characters.

In goes a folder, with counts, a seed and a size. Out come pictures in train/CLASS, val/CLASS
and test, and test-labels.csv: the same bytes every time, as nothing is stored or looked up.
Read first: `draw` (the data set, one picture), then `faces` (who there is), `parts` (noses,
hair, ...) and `scenes` (what surrounds them); all of them draw with the `pen`.
"""

from ensemble_kit.synthetic.draw import LAST_DRAWN, character_of, draw_data_set, draw_picture, end_drawing
from ensemble_kit.synthetic.faces import CHARACTERS

__all__ = ["CHARACTERS", "LAST_DRAWN", "character_of", "draw_data_set", "draw_picture", "end_drawing"]
