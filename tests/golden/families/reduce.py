"""Reductions, their indices, running sums and softmax."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("reduce")

AXES = [[0], [1], [-1], [0, 1], [0, 2], [0, 1, 2]]


def options_of(axes, keep):
    return {"axes": axes, "keepAxes": keep}


for axes in AXES:
    for keep in (False, True):
        options = options_of(axes, keep)
        where = f"over {axes}{' kept' if keep else ''}"
        draw = lambda d: [d.uniform(2, 3, 4)]
        family.add(
            f"sum {where}", "sum", options, draw, lambda x, a=axes, k=keep: x.sum(a, keepdim=k)
        )
        if keep and axes not in ([1], [0, 2]):
            continue
        family.add(
            f"mean {where}", "mean", options, draw, lambda x, a=axes, k=keep: x.mean(a, keepdim=k)
        )
        for correction in (0, 1):
            family.add(
                f"variance {where}, correction {correction}", "variance",
                {**options, "correction": correction}, draw,
                lambda x, a=axes, k=keep, c=correction: x.var(a, correction=c, keepdim=k),
            )
        family.add(
            f"max {where}", "max", options, draw, lambda x, a=axes, k=keep: x.amax(a, keepdim=k)
        )
        family.add(
            f"min {where}", "min", options, draw, lambda x, a=axes, k=keep: x.amin(a, keepdim=k)
        )
        family.add(
            f"norm {where}", "norm", options, draw,
            lambda x, a=axes, k=keep: torch.linalg.vector_norm(x, 2, a, keepdim=k),
        )
        family.add(
            f"norm of order 1 {where}", "norm", {**options, "order": 1}, draw,
            lambda x, a=axes, k=keep: torch.linalg.vector_norm(x, 1, a, keepdim=k),
        )
        family.add(
            f"logsumexp {where}", "logsumexp", options, lambda d: [d.uniform(2, 3, 4, low=-9, high=9)],
            lambda x, a=axes, k=keep: torch.logsumexp(x, a, keepdim=k),
        )
        family.add(
            f"norm of order 3 {where}", "norm", {**options, "order": 3}, draw,
            lambda x, a=axes, k=keep: torch.linalg.vector_norm(x, 3, a, keepdim=k),
        )
        if len(axes) == 1:
            family.add(
                f"prod {where}", "prod", options, draw,
                lambda x, a=axes, k=keep: x.prod(a[0], keepdim=k),
            )


def with_zeros(*positions):
    def draw(d):
        x = d.uniform(3, 4)
        for position in positions:
            x[position] = 0
        return [x]

    return draw


family.add("prod with one zero in a row", "prod", options_of([1], False), with_zeros((0, 2)), lambda x: x.prod(1))
family.add(
    "prod with two zeros in a row", "prod", options_of([1], False),
    with_zeros((1, 0), (1, 3)), lambda x: x.prod(1),
)
family.add("prod of everything", "prod", {}, lambda d: [d.uniform(3, 4)], lambda x: x.prod())
family.add("prod of everything with a zero", "prod", {}, with_zeros((2, 1)), lambda x: x.prod())
family.add("sum of everything", "sum", {}, lambda d: [d.uniform(2, 3, 4)], lambda x: x.sum())
family.add("mean of everything", "mean", {}, lambda d: [d.uniform(2, 3, 4)], lambda x: x.mean())
family.add("argmax of one row", "argmax", {"axis": 0}, lambda d: [d.uniform(9)], lambda x: x.argmax(0))
family.add(
    "cumsum over two axes at once", "cumsum", {"axes": [1, 2]},
    lambda d: [d.uniform(2, 3, 4)], lambda x: x.flatten(1).cumsum(1).reshape(2, 3, 4),
)
family.add(
    "cumsum over two distant axes at once", "cumsum", {"axes": [0, 2]},
    lambda d: [d.uniform(2, 3, 4)],
    lambda x: x.permute(1, 0, 2).flatten(1).cumsum(1).reshape(3, 2, 4).permute(1, 0, 2),
)

for axis in (0, 1, -1):
    for name, function in (("argmax", torch.argmax), ("argmin", torch.argmin)):
        family.add(
            f"{name} along {axis}", name, {"axis": axis}, lambda d: [d.uniform(2, 3, 4)],
            lambda x, a=axis, f=function: f(x, a),
        )
    family.add(
        f"cumsum along {axis}", "cumsum", {"axes": [axis]},
        lambda d: [d.uniform(2, 3, 4)], lambda x, a=axis: x.cumsum(a),
    )
    family.add(
        f"softmax over {axis}", "softmax", {"axis": axis},
        lambda d: [d.uniform(2, 3, 4, low=-5, high=5)], lambda x, a=axis: F.softmax(x, a),
    )
    family.add(
        f"logSoftmax over {axis}", "logSoftmax", {"axis": axis},
        lambda d: [d.uniform(2, 3, 4, low=-5, high=5)], lambda x, a=axis: F.log_softmax(x, a),
    )
family.add(
    "logSoftmax of far apart numbers", "logSoftmax", {"axis": -1},
    lambda d: [d.uniform(2, 5, low=-300, high=300)], lambda x: F.log_softmax(x, -1),
)
