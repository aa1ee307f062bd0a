"""Operations that move elements without changing them."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("shape")


def cube(d):
    return [d.uniform(2, 3, 4)]


for shape in ([6, 4], [2, 12], [24], [1, 4, 1, 6], [-1, 3]):
    family.add(f"reshape to {shape}", "reshape", {"shape": shape}, cube, lambda x, s=shape: x.reshape(s))
for axes in ([1, 0, 2], [2, 1, 0], [0, 2, 1], [1, 2, 0]):
    family.add(f"permute {axes}", "permute", {"axes": axes}, cube, lambda x, a=axes: x.permute(a))
family.add("flatten", "flatten", {}, cube, torch.flatten)
family.add("squeeze", "squeeze", {}, lambda d: [d.uniform(1, 3, 1)], torch.squeeze)
for axis in (0, -1):
    family.add(
        f"squeeze axis {axis}", "squeeze", {"axis": axis}, lambda d: [d.uniform(1, 3, 1)],
        lambda x, a=axis: x.squeeze(a),
    )
for axis in (0, 1, -1):
    family.add(
        f"unsqueeze at {axis}", "unsqueeze", {"axis": axis}, cube, lambda x, a=axis: x.unsqueeze(a)
    )
family.add(
    "narrow", "narrow", {"axis": 2, "start": 1, "size": 2}, cube, lambda x: x.narrow(2, 1, 2)
)
family.add(
    "slice with a step", "slice", {"starts": [0, 1, 0], "ends": [2, 3, 4], "steps": [1, 1, 2]},
    cube, lambda x: x[:, 1:3, ::2],
)
family.add(
    "slice of a corner", "slice", {"starts": [1, 0, 1], "ends": [2, 2, 4], "steps": [1, 1, 1]},
    cube, lambda x: x[1:2, 0:2, 1:4],
)
family.add(
    "slice with steps of three", "slice", {"starts": [1, 2], "ends": [7, 9], "steps": [3, 3]},
    lambda d: [d.uniform(7, 9)], lambda x: x[1:7:3, 2:9:3],
)
family.add(
    "slice backwards", "slice", {"starts": [1, 2, 3], "ends": [2, -9, -9], "steps": [1, -1, -2]},
    cube, lambda x: x[1:2].flip((1, 2))[:, :, ::2],
)
family.add(
    "transpose", "transpose", {"first": 0, "second": 2}, cube, lambda x: x.transpose(0, 2)
)
for axis in (0, 1, -1):
    sizes = {0: (1, 3, 2), 1: (2, 1, 2), -1: (2, 3, 4)}[axis]
    family.add(
        f"concat along {axis}", "concat", {"axis": axis},
        lambda d, s=sizes: [d.uniform(2, 3, 2), d.uniform(*s), d.uniform(2, 3, 2)],
        lambda *t, a=axis: torch.cat(t, a),
    )
    family.add(
        f"stack along {axis}", "stack", {"axis": axis},
        lambda d: [d.uniform(2, 3), d.uniform(2, 3), d.uniform(2, 3)], lambda *t, a=axis: torch.stack(t, a),
    )
family.add(
    "split into sizes", "split", {"sizes": [1, 3, 2], "axis": 1},
    lambda d: [d.uniform(2, 6)], lambda x: torch.split(x, [1, 3, 2], 1),
)
family.add(
    "split into equal parts", "split", {"sizes": [2, 2, 2], "axis": 0},
    lambda d: [d.uniform(6, 3)], lambda x: torch.split(x, 2, 0),
)
for widths, mode, value in [
    ([[0, 0], [1, 2]], "constant", 0),
    ([[2, 1], [0, 3]], "constant", 1.5),
]:
    family.add(
        f"pad {widths} with {value}", "pad", {"amounts": widths, "mode": mode, "value": value},
        lambda d: [d.uniform(3, 4)],
        lambda x, w=widths, v=value: F.pad(x, [*w[1], *w[0]], "constant", v),
    )
for mode in ("reflect", "replicate"):
    for widths in ([[0, 0], [0, 0], [1, 2], [2, 1]], [[0, 0], [0, 0], [0, 1], [3, 0]]):
        family.add(
            f"pad {widths} {mode}", "pad", {"amounts": widths, "mode": mode},
            lambda d: [d.uniform(1, 2, 3, 4)],
            lambda x, w=widths, m=mode: F.pad(x, [*w[3], *w[2]], m),
        )
for repeats in ([2, 3], [1, 2], [2, 1, 2]):
    family.add(
        f"tile {repeats}", "tile", {"counts": repeats}, lambda d: [d.uniform(2, 3)],
        lambda x, r=repeats: torch.tile(x, r),
    )
for x, shape in [((3, 1), [3, 4]), ((3, 1), [2, 3, 4]), ((1, 3, 1), [2, 3, 2])]:
    family.add(
        f"expand {list(x)} to {shape}", "expand", {"shape": shape}, lambda d, x=x: [d.uniform(*x)],
        lambda x, s=shape: x.expand(s),
    )
for axes in ([0], [1], [0, 2]):
    family.add(f"flip {axes}", "flip", {"axes": axes}, cube, lambda x, a=axes: x.flip(a))
for shift, axis in [(1, 0), (-1, 2), (2, 1), (7, 1)]:
    family.add(
        f"roll by {shift} along {axis}", "roll", {"shift": shift, "axis": axis}, cube,
        lambda x, s=shift, a=axis: torch.roll(x, s, a),
    )
for offset in (0, 1, -1):
    square = lambda d: [d.uniform(2, 3, 4)]
    family.add(f"tril {offset}", "tril", {"offset": offset}, square, lambda x, o=offset: x.tril(o))
    family.add(f"triu {offset}", "triu", {"offset": offset}, square, lambda x, o=offset: x.triu(o))
    family.add(
        f"diagonal {offset}", "diagonal", {"offset": offset}, square,
        lambda x, o=offset: torch.diagonal(x, o, -2, -1),
    )
