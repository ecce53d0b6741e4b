from .score import score as score
from .submissions import (
    submissions as submissions,
    submissions_score as submissions_score,
    submissions_withdraw as submissions_withdraw,
)
from .submit import submit as submit
