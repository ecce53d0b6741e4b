"""From folders of pictures to checked, decoded, cached uint8 images, and their augmentation.

`folders` finds and names the pictures, `decode` turns one file into RGB, `cache` holds a
split at one size, `augment` varies a training batch. Knows nothing of models or members.
"""
