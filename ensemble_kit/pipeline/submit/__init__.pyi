from .score import score as score
from .submissions import submissions as submissions
from .submissions import submissions_score as submissions_score
from .submissions import submissions_withdraw as submissions_withdraw
from .submit import submit as submit
