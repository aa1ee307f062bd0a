"""Writes positions.json: position embeddings for other grids, as timm, transformers and DINOv2's own code make them.

    .venv/bin/python tests/golden/positions_golden.py

All three call PyTorch's interpolate; only its options differ, which are written out here. Float64, 15 digits.
Written with PyTorch 2.14.1.
"""

import json
import pathlib

import torch

from golden import encode

cases = []
generator = torch.Generator().manual_seed(7)


def resample(positions, grid, interpolation):
    """positions [1, 1 + side^2, width] for a grid of rows and columns."""
    side = round((positions.shape[1] - 1) ** 0.5)
    patches = positions[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    options = {
        # timm.layers.resample_abs_pos_embed; Dinov2WithRegistersModel of transformers
        "antialiased": {"size": grid, "antialias": True},
        # CLIPVisionModel and Dinov2Model of transformers
        "plain": {"size": grid},
        # facebookresearch/dinov2, interpolate_offset = 0.1
        "offset": {"scale_factor": tuple((length + 0.1) / side for length in grid)},
    }[interpolation]
    resized = torch.nn.functional.interpolate(patches, mode="bicubic", **options)
    assert tuple(resized.shape[2:]) == tuple(grid)
    return torch.cat([positions[:, :1], resized.permute(0, 2, 3, 1).flatten(1, 2)], 1)


for side, grid in [(7, (3, 3)), (4, (3, 6)), (5, (2, 9)), (3, (7, 7))]:
    for interpolation in ["antialiased", "plain", "offset"]:
        values = torch.rand((1, 1 + side * side, 2), generator=generator, dtype=torch.float64)
        positions = ((values - 0.5) * 1e4).round() / 1e4
        cases.append({
            "interpolation": interpolation,
            "grid": grid,
            "positions": encode(positions),
            "resampled": encode(resample(positions, grid, interpolation)),
        })

path = pathlib.Path(__file__).parent / "positions.json"
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(f"{len(cases)} cases, {path.stat().st_size} bytes")
