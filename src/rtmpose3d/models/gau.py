"""The gated attention unit over keypoint tokens (RTMPose, 3.2; Hua et al., FLASH, fig. 2)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class ScaleNorm(nn.Module):
    """x / max(|x| / sqrt(dim), 1e-5) * g, with one learned g."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = dim**-0.5
        self.g = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> the same shape."""
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True) * self.scale
        return x / norm.clamp(min=1e-5) * self.g


class LayerScale(nn.Module):
    """Multiplies each channel of the shortcut by a learned factor."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> the same shape."""
        return x * self.scale


class GatedAttentionUnit(nn.Module):
    """Attention among keypoints with squared-ReLU weights and a gate.

    Args:
        dim: of the tokens (256 in every published model).
        key_dim: of queries and keys.
        expansion: of the gated branch.
        dropout: on the attention weights, in training.
    """

    def __init__(
        self, dim: int, *, key_dim: int = 128, expansion: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.inner = dim * expansion
        self.key_dim = key_dim
        self.ln = ScaleNorm(dim)
        self.uv = nn.Linear(dim, 2 * self.inner + key_dim, bias=False)
        self.gamma = nn.Parameter(torch.rand(2, key_dim))
        self.beta = nn.Parameter(torch.rand(2, key_dim))
        self.o = nn.Linear(self.inner, dim, bias=False)
        self.res_scale = LayerScale(dim)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.uv.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, K, dim) -> (B, K, dim)."""
        uv = functional.silu(self.uv(self.ln(x)))
        gate, value, base = uv.split([self.inner, self.inner, self.key_dim], dim=2)
        query = base * self.gamma[0] + self.beta[0]  # (B, K, key_dim)
        key = base * self.gamma[1] + self.beta[1]
        attention = torch.bmm(query, key.transpose(1, 2)) / math.sqrt(self.key_dim)  # (B, K, K)
        attention = self.dropout(torch.square(functional.relu(attention)))
        return self.res_scale(x) + self.o(gate * torch.bmm(attention, value))
