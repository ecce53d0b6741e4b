from .build import (
    arch_options as arch_options,
    build_network as build_network,
    threads_of as threads_of,
    with_device as with_device,
)
from .checkpoint_plan import (
    Plan as Plan,
    manifest_of as manifest_of,
    rebuild as rebuild,
    versions as versions,
    with_cost as with_cost,
)
from .forward_passes import (
    Computed as Computed,
    LOCKS as LOCKS,
    PassSettings as PassSettings,
    Share as Share,
    alone as alone,
    compute_at_once as compute_at_once,
    compute_in_parts as compute_in_parts,
    engine_of as engine_of,
    job_of as job_of,
    joined as joined,
    on_device as on_device,
    pass_settings as pass_settings,
)
from .known_here import (
    check_names as check_names,
    check_view_choice as check_view_choice,
    check_views as check_views,
    read_blend_here as read_blend_here,
    read_checkpoint_here as read_checkpoint_here,
    used_here as used_here,
)
from .model import (
    Channels as Channels,
    Model as Model,
    Stated as Stated,
    find_model as find_model,
    in_precision as in_precision,
    open_fitting as open_fitting,
)
from .run_config import (
    PATHS as PATHS,
    absolute as absolute,
    config_of as config_of,
    read_config as read_config,
    source_of as source_of,
    stored_source as stored_source,
)
from .saved_blend import OpenBlend as OpenBlend, models_of as models_of, open_blend as open_blend
from .zoo import zoo as zoo
