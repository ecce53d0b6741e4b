from .job import (
    JOB_NAME as JOB_NAME,
    Job as Job,
    check_part as check_part,
    open_job as open_job,
    remove_headless as remove_headless,
)
from .part import Part as Part, plan_parts as plan_parts, share as share
