"""Layer, group, batch and RMS normalization, and scaling to unit length."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("normalize")

for x in [(2, 3, 5), (4, 8), (7,)]:
    width = x[-1]
    family.add(
        f"layerNorm {list(x)}", "layerNorm", {"epsilon": 1e-5},
        lambda d, x=x, n=width: [d.uniform(*x), d.uniform(n), d.uniform(n)],
        lambda x, w, b, n=width: F.layer_norm(x, (n,), w, b, 1e-5),
    )
family.add(
    "layerNorm without scale and bias", "layerNorm", {"epsilon": 1e-6},
    lambda d: [d.uniform(3, 5)], lambda x: F.layer_norm(x, (5,), eps=1e-6),
)
family.add(
    "layerNorm far from zero", "layerNorm", {"epsilon": 1e-6},
    lambda d: [d.uniform(3, 6, low=99, high=101), d.uniform(6), d.uniform(6)],
    lambda x, w, b: F.layer_norm(x, (6,), w, b, 1e-6),
)
for groups in (1, 2, 4):
    family.add(
        f"groupNorm in {groups}", "groupNorm", {"groups": groups, "epsilon": 1e-5},
        lambda d: [d.uniform(2, 4, 2, 3), d.uniform(4), d.uniform(4)],
        lambda x, w, b, g=groups: F.group_norm(x, g, w, b, 1e-5),
    )
family.add(
    "groupNorm without scale and bias", "groupNorm", {"groups": 2, "epsilon": 1e-5},
    lambda d: [d.uniform(2, 4, 3)], lambda x: F.group_norm(x, 2),
)


for x in [(6, 3), (2, 3, 2, 3)]:
    family.add(
        f"batchNorm {list(x)} in training", "batchNorm", {"epsilon": 1e-5},
        lambda d, x=x: [d.uniform(*x), d.uniform(3), d.uniform(3)],
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True, 0.1, 1e-5),
    )
    family.add(
        f"batchNorm {list(x)} in evaluation", "batchNorm", {"epsilon": 1e-5},
        lambda d, x=x: [
            d.uniform(*x), d.uniform(3), d.uniform(3), d.uniform(3), d.uniform(3, low=0.5, high=2),
        ],
        lambda x, w, b, mean, variance: F.batch_norm(x, mean, variance, w, b, False, 0.1, 1e-5),
        frozen=(3, 4),
    )
family.add(
    "rmsNorm", "rmsNorm", {"epsilon": 1e-6}, lambda d: [d.uniform(2, 3, 5), d.uniform(5)],
    lambda x, w: F.rms_norm(x, (5,), w, 1e-6),
)
family.add(
    "rmsNorm without scale", "rmsNorm", {"epsilon": 1e-6}, lambda d: [d.uniform(3, 5)],
    lambda x: F.rms_norm(x, (5,), eps=1e-6),
)
for axis in (-1, 1):
    family.add(
        f"l2Normalize along {axis}", "l2Normalize", {"axes": [axis], "epsilon": 1e-12},
        lambda d: [d.uniform(2, 3, 4)], lambda x, a=axis: F.normalize(x, dim=a, eps=1e-12),
    )
