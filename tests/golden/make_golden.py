"""Writes the golden values that the operations are compared with: what PyTorch gives, forward and gradient.

    python3 -m venv .venv && .venv/bin/pip install torch==2.13.0
    .venv/bin/python tests/golden/make_golden.py

The seeds are fixed: the same PyTorch writes the same files.
"""

import pathlib

from families import (
    attention,
    convolution,
    indexing,
    loss,
    matmul,
    normalize,
    optimizer,
    pointwise,
    reduce,
    sam_family,
    shape,
    vision_transformer,
)

folder = pathlib.Path(__file__).parent
total = 0
for module in (
    pointwise,
    reduce,
    matmul,
    convolution,
    normalize,
    attention,
    indexing,
    shape,
    loss,
    vision_transformer,
    optimizer,
    sam_family,
):
    size = module.family.write(folder)
    total += size
    print(f"{module.family.name:20} {len(module.family.cases):4} cases {size:8} bytes")
print(f"{'together':20} {total:19} bytes")
