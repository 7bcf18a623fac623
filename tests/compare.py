"""How far two results are apart."""

import torch

# of the parity with torch: forward and gradients, for each dtype
FORWARD = {torch.float32: 1e-6, torch.float64: 1e-12}
GRADIENT = {torch.float32: 1e-5, torch.float64: 1e-12}


def relative_error(got, want, least=1e-30):
    """Largest difference over the largest element that is expected, or over `least` if that is larger."""
    assert got.shape == want.shape
    if want.numel() == 0:
        return 0.0
    return ((got - want).abs().max() / want.abs().max().clamp_min(least)).item()
