from .calibration import accuracy_interval as accuracy_interval, ece as ece, wilson as wilson
from .compare import (
    PSEUDO_SHARE as PSEUDO_SHARE,
    SURE as SURE,
    compare_judged as compare_judged,
    difference_interval as difference_interval,
    mcnemar as mcnemar,
    sign_flip as sign_flip,
    smallest_resolvable as smallest_resolvable,
)
from .cross_fitting import (
    Procedure as Procedure,
    Split as Split,
    Unseen as Unseen,
    cross_fit as cross_fit,
    held_out as held_out,
    optimism as optimism,
    repeats_of as repeats_of,
    say_as_it_is as say_as_it_is,
    say_unseen as say_unseen,
    splits as splits,
)
from .reliability import reliability as reliability
from .scored import Calibration as Calibration, Judged as Judged, judge as judge
