from .score import score as score
from .submissions import submissions as submissions
from .submissions import submissions_told as submissions_told
from .submissions import submissions_withdraw as submissions_withdraw
from .submit import submit as submit
