"""Writes what PyTorch's GradScaler does with a row of gradients, some of which overflow once they are scaled.

    python3 -m venv .venv && .venv/bin/pip install torch==2.13.0
    .venv/bin/python tests/golden/loss_scaler_golden.py
"""

import json
import pathlib

import torch

# Numbers whose squares are finite, and that overflow float32 at the largest scales only.
SMALL, LARGE = 1e17, 2e18
CASES = [
    {
        "initialScale": 2.0**68, "growthFactor": 2.0, "backoffFactor": 0.5, "growthInterval": 3,
        "gradients": [LARGE, SMALL, SMALL, SMALL, LARGE, LARGE, SMALL, LARGE, SMALL, SMALL, SMALL, SMALL, LARGE],
    },
    {
        "initialScale": 2.0**70, "growthFactor": 4.0, "backoffFactor": 0.25, "growthInterval": 2,
        "gradients": [LARGE, LARGE, SMALL, SMALL, SMALL, SMALL, SMALL, LARGE, SMALL],
    },
]

written = []
for case in CASES:
    weight = torch.tensor([0.5, -0.25], requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1e-20)
    scaler = torch.amp.GradScaler(
        "cpu", init_scale=case["initialScale"], growth_factor=case["growthFactor"],
        backoff_factor=case["backoffFactor"], growth_interval=case["growthInterval"],
    )
    scales, weights = [], []
    for gradient in case["gradients"]:
        optimizer.zero_grad()
        loss = (weight * torch.tensor([gradient, 0.5 * gradient])).sum()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
        weights.append(weight.detach().tolist())
    written.append({**case, "scales": scales, "weights": weights})

path = pathlib.Path(__file__).parent / "loss_scaler.json"
path.write_text(json.dumps(written, indent=1) + "\n")
print(f"{path}: PyTorch {torch.__version__}, {len(written)} cases")
