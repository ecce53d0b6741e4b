from .job import JOB_NAME as JOB_NAME
from .job import Job as Job
from .job import check_part as check_part
from .job import open_job as open_job
from .job import remove_headless as remove_headless
from .part import Part as Part
from .part import plan_parts as plan_parts
from .part import share as share
