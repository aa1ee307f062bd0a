"""Pointwise arithmetic, comparison, functions and activations."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("pointwise")

# name, function, (low, high) of the inputs
unary = [
    ("neg", torch.neg, (-3, 3)),
    ("abs", torch.abs, (-3, 3)),
    ("sign", torch.sign, (-3, 3)),
    ("floor", torch.floor, (-3, 3)),
    ("ceil", torch.ceil, (-3, 3)),
    ("round", torch.round, (-3, 3)),
    ("square", torch.square, (-3, 3)),
    ("exp", torch.exp, (-6, 6)),
    ("expm1", torch.expm1, (-3, 3)),
    ("log", torch.log, (0.01, 9)),
    ("log1p", torch.log1p, (-0.9, 5)),
    ("sqrt", torch.sqrt, (0.01, 9)),
    ("rsqrt", torch.rsqrt, (0.01, 9)),
    ("sin", torch.sin, (-7, 7)),
    ("cos", torch.cos, (-7, 7)),
    ("tanh", torch.tanh, (-5, 5)),
    ("sigmoid", torch.sigmoid, (-9, 9)),
    ("erf", torch.erf, (-3, 3)),
    ("relu", F.relu, (-3, 3)),
    ("silu", F.silu, (-8, 8)),
    ("softplus", F.softplus, (-9, 9)),
]
for name, function, (low, high) in unary:
    family.add(
        name, name, {}, lambda d, l=low, h=high: [d.uniform(3, 5, low=l, high=h)], function
    )

family.add(
    "expm1 near zero", "expm1", {},
    lambda d: [d.uniform(8, low=-0.001, high=0.001)], torch.expm1,
)
family.add("log1p near zero", "log1p", {}, lambda d: [d.uniform(8, low=-0.001, high=0.001)], torch.log1p)
family.add("sigmoid far out", "sigmoid", {}, lambda d: [d.uniform(8, low=-40, high=40)], torch.sigmoid)
family.add("softplus far out", "softplus", {}, lambda d: [d.uniform(8, low=-19, high=19)], F.softplus)
family.add("tanh far out", "tanh", {}, lambda d: [d.uniform(8, low=-15, high=15)], torch.tanh)
family.add(
    "leaky relu", "leakyRelu", {"slope": 0.2},
    lambda d: [d.uniform(3, 5)], lambda x: F.leaky_relu(x, 0.2),
)
family.add("elu", "elu", {"alpha": 1.5}, lambda d: [d.uniform(3, 5)], lambda x: F.elu(x, 1.5))
family.add(
    "gelu exact", "gelu", {"form": "exact"}, lambda d: [d.uniform(3, 5, low=-5, high=5)], F.gelu
)
family.add(
    "gelu tanh", "gelu", {"form": "tanh"},
    lambda d: [d.uniform(3, 5, low=-5, high=5)], lambda x: F.gelu(x, approximate="tanh"),
)
family.add(
    "gelu quick", "gelu", {"form": "quick"},
    lambda d: [d.uniform(3, 5, low=-5, high=5)], lambda x: x * torch.sigmoid(1.702 * x),
)
for options in ({"low": -0.5, "high": 1.0}, {"low": 0.25}, {"high": 0.25}):
    family.add(
        f"clamp {options}", "clamp", options, lambda d: [d.uniform(3, 5)],
        lambda x, o=options: torch.clamp(x, o.get("low"), o.get("high")),
    )

binary = [
    ("add", torch.add),
    ("sub", torch.sub),
    ("mul", torch.mul),
    ("div", torch.div),
    ("minimum", torch.minimum),
    ("maximum", torch.maximum),
]
shapes = [((3, 4), (3, 4)), ((2, 3, 4), (3, 1)), ((2, 1, 4), (3, 1)), ((3, 4), ())]
for name, function in binary:
    for a, b in shapes:
        family.add(
            f"{name} {list(a)} {list(b)}", name, {},
            lambda d, a=a, b=b: [d.uniform(*a), d.uniform(*b, low=0.5, high=2)], function,
        )

family.add(
    "pow of tensors", "pow", {},
    lambda d: [d.uniform(3, 4, low=0.2, high=3), d.uniform(3, 4)], torch.pow,
)
family.add(
    "pow broadcast", "pow", {},
    lambda d: [d.uniform(3, 1, low=0.2, high=3), d.uniform(4)], torch.pow,
)
for exponent in (2, 3, -1, 0.5, -1.5):
    family.add(
        f"pow to {exponent}", "pow", {"exponent": exponent},
        lambda d: [d.uniform(3, 4, low=0.2, high=3)], lambda x, e=exponent: torch.pow(x, e),
    )
for exponent in (2, 3):
    family.add(
        f"pow of negative numbers to {exponent}", "pow", {"exponent": exponent},
        lambda d: [d.uniform(3, 4)], lambda x, e=exponent: torch.pow(x, e),
    )

comparisons = [
    ("equal", torch.eq),
    ("notEqual", torch.ne),
    ("less", torch.lt),
    ("lessEqual", torch.le),
    ("greater", torch.gt),
    ("greaterEqual", torch.ge),
]
for name, function in comparisons:
    # Halves between -1 and 1: equal ones occur.
    family.add(
        name, name, {},
        lambda d: [(d.integers(4, 5, below=5) - 2) / 2.0, (d.integers(5, below=5) - 2) / 2.0], function,
    )
family.add(
    "where", "where", {}, lambda d: [d.mask(3, 4), d.uniform(3, 4), d.uniform(3, 4)], torch.where
)
family.add(
    "where broadcast", "where", {},
    lambda d: [d.mask(3, 1), d.uniform(4), d.uniform(2, 3, 4)], torch.where,
)
family.add(
    "logicalNot", "logicalNot", {}, lambda d: [d.mask(3, 4)], torch.logical_not
)
family.add(
    "logicalAnd", "logicalAnd", {}, lambda d: [d.mask(3, 4), d.mask(4)], torch.logical_and
)
family.add("logicalOr", "logicalOr", {}, lambda d: [d.mask(3, 4), d.mask(4)], torch.logical_or)
