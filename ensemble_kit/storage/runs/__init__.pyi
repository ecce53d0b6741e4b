from . import resume_state as resume_state
from .auto_state import Spent as Spent, budget_path as budget_path, read_spent as read_spent, write_spent as write_spent
from .resume_state import (
    UNFINISHED_NAME as UNFINISHED_NAME,
    check_state as check_state,
    read_state as read_state,
    remove_stale as remove_stale,
    remove_states as remove_states,
    state_files as state_files,
)
from .runs import (
    CHECKPOINT as CHECKPOINT,
    CONFIG_NAME as CONFIG_NAME,
    METRICS_NAME as METRICS_NAME,
    check_weights as check_weights,
    checkpoint_name as checkpoint_name,
    find_checkpoint as find_checkpoint,
    is_between as is_between,
    new_checkpoint as new_checkpoint,
    read_checkpoint as read_checkpoint,
    remove_old_checkpoints as remove_old_checkpoints,
    write_config as write_config,
    write_metrics as write_metrics,
)
