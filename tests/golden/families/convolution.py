"""Convolution, transposed convolution, pooling and resizing of [batch, channels, height, width]."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("convolution")


def pair(value):
    return [value, value] if isinstance(value, int) else list(value)


def conv(name, x, w, bias=True, stride=1, padding=0, dilation=1, groups=1):
    options = {
        "stride": pair(stride),
        "padding": pair(padding),
        "dilation": pair(dilation),
        "groups": groups,
    }
    family.add(
        f"conv2d {name}", "conv2d", options,
        lambda d: [d.uniform(*x), d.uniform(*w)] + ([d.uniform(w[0])] if bias else []),
        lambda x, w, b=None: F.conv2d(x, w, b, stride, padding, dilation, groups),
    )


conv("plain", (2, 2, 5, 6), (3, 2, 3, 3))
conv("without bias", (1, 2, 4, 4), (2, 2, 2, 3), bias=False)
conv("of one pixel", (2, 3, 3, 4), (4, 3, 1, 1))
conv("padded", (1, 2, 4, 5), (2, 2, 3, 3), padding=(1, 2))
conv("with stride", (1, 2, 7, 6), (2, 2, 3, 2), stride=(2, 3), padding=1)
conv("dilated", (1, 2, 7, 8), (2, 2, 3, 2), dilation=(2, 3), padding=(1, 0))
conv("in two groups", (2, 4, 5, 4), (6, 2, 3, 3), groups=2, padding=1)
conv("by depth", (1, 3, 5, 5), (3, 1, 3, 3), groups=3, padding=1, stride=2)
conv("of patches", (2, 3, 8, 8), (4, 3, 4, 4), stride=4)


def transposed(name, x, w, outputs, stride=1, padding=0, output_padding=0, dilation=1, groups=1, bias=True):
    options = {
        "stride": pair(stride),
        "padding": pair(padding),
        "outputPadding": pair(output_padding),
        "dilation": pair(dilation),
        "groups": groups,
    }
    family.add(
        f"convTranspose2d {name}", "convTranspose2d", options,
        lambda d: [d.uniform(*x), d.uniform(*w)] + ([d.uniform(outputs)] if bias else []),
        lambda x, w, b=None: F.conv_transpose2d(
            x, w, b, stride, padding, output_padding, groups, dilation
        ),
    )


transposed("plain", (2, 3, 3, 4), (3, 2, 3, 3), 2)
transposed("without bias", (1, 2, 3, 3), (2, 2, 2, 2), 2, bias=False)
transposed("with stride and padding", (1, 2, 3, 4), (2, 3, 3, 3), 3, stride=2, padding=1)
transposed(
    "with output padding", (1, 2, 3, 3), (2, 2, 3, 3), 2, stride=(2, 3), padding=1, output_padding=(1, 2)
)
transposed("dilated", (1, 2, 3, 3), (2, 2, 2, 3), 2, dilation=(2, 1), stride=2)
transposed("in two groups", (1, 4, 3, 3), (4, 3, 2, 2), 6, groups=2, stride=2)

for name, x, kernel, stride, padding in [
    ("of 2", (2, 2, 4, 6), (2, 2), (2, 2), (0, 0)),
    ("overlapping", (1, 2, 6, 5), (3, 2), (1, 2), (0, 0)),
    ("padded", (1, 2, 5, 6), (3, 3), (2, 2), (1, 1)),
]:
    options = {"kernel": list(kernel), "stride": list(stride), "padding": list(padding)}
    family.add(
        f"maxPool2d {name}", "maxPool2d", options, lambda d, x=x: [d.uniform(*x)],
        lambda x, k=kernel, s=stride, p=padding: F.max_pool2d(x, k, s, p),
    )
    family.add(
        f"avgPool2d {name}", "avgPool2d", options, lambda d, x=x: [d.uniform(*x)],
        lambda x, k=kernel, s=stride, p=padding: F.avg_pool2d(x, k, s, p),
    )
for x, size in [((2, 2, 4, 6), (2, 3)), ((1, 2, 5, 7), (3, 3)), ((1, 2, 3, 5), (1, 1)), ((1, 1, 3, 2), (5, 4))]:
    family.add(
        f"adaptiveAvgPool2d {list(x)} to {list(size)}", "adaptiveAvgPool2d", {"size": list(size)},
        lambda d, x=x: [d.uniform(*x)], lambda x, s=size: F.adaptive_avg_pool2d(x, s),
    )

for x, size in [((1, 2, 4, 5), (7, 3)), ((1, 1, 3, 3), (6, 6)), ((1, 2, 6, 8), (3, 4)), ((1, 1, 5, 4), (1, 1))]:
    family.add(
        f"resize nearest {list(x)} to {list(size)}", "resize", {"size": list(size), "mode": "nearest"},
        lambda d, x=x: [d.uniform(*x)], lambda x, s=size: F.interpolate(x, s, mode="nearest"),
    )
    for mode in ("bilinear", "bicubic"):
        for corners in (False, True):
            family.add(
                f"resize {mode} {list(x)} to {list(size)}, corners {'aligned' if corners else 'not aligned'}",
                "resize", {"size": list(size), "mode": mode, "alignCorners": corners},
                lambda d, x=x: [d.uniform(*x)],
                lambda x, s=size, m=mode, c=corners: F.interpolate(
                    x, s, mode=m, align_corners=c, antialias=False
                ),
            )
