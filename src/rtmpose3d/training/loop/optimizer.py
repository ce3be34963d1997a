"""Parameter groups of the optimizer: with and without weight decay."""

from __future__ import annotations

from torch import nn

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm)


def decay_groups(network: nn.Module) -> tuple[list[str], list[str]]:
    """Names of the trainable parameters with and without weight decay.

    Biases and all parameters of norms do not decay. ScaleNorm does, as the reference's framework
    does not recognise it as a norm. A shared parameter is listed under its first name. Equal to
    the recorded groups of the published configurations.

    Returns:
        with decay, without decay, in the network's order.
    """
    norms = {name for name, module in network.named_modules() if isinstance(module, _NORMS)}
    groups: tuple[list[str], list[str]] = ([], [])
    for name, parameter in network.named_parameters():
        owner, _, leaf = name.rpartition(".")
        if parameter.requires_grad:
            groups[leaf == "bias" or owner in norms].append(name)
    return groups


def optimizer_groups(network: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Parameter groups for torch's optimizers."""
    parameters = dict(network.named_parameters())
    decays = (weight_decay, 0.0)
    return [
        {"params": [parameters[name] for name in names], "weight_decay": decay}
        for names, decay in zip(decay_groups(network), decays, strict=True)
        if names
    ]
