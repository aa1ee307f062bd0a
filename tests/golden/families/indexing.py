"""Embedding, gathering, scattering, one-hot, sorting."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("indexing")

family.add(
    "embedding", "embedding", {}, lambda d: [d.uniform(5, 3), d.integers(2, 4, below=5)],
    lambda w, i: F.embedding(i, w),
)
for axis, index in [(0, (4, 3)), (1, (4, 5)), (-1, (4, 2))]:
    family.add(
        f"gather along {axis}", "gather", {"axis": axis},
        lambda d, i=index: [d.uniform(4, 3), d.integers(*i, below=3)],
        lambda x, i, a=axis: torch.gather(x, a, i),
    )
for axis, index in [(0, (5, 3)), (1, (4, 6)), (-1, (4, 1))]:
    family.add(
        f"takeAlongAxis along {axis}", "takeAlongAxis", {"axis": axis},
        lambda d, i=index: [d.uniform(4, 3), d.integers(*i, below=3)],
        lambda x, i, a=axis: torch.take_along_dim(x, i, a),
    )
for axis in (0, 1, -1):
    family.add(
        f"indexSelect along {axis}", "indexSelect", {"axis": axis},
        lambda d: [d.uniform(3, 4, 5), d.integers(6, below=3)],
        lambda x, i, a=axis: torch.index_select(x, a, i),
    )
for axis, index in [(0, (6, 3)), (1, (4, 5)), (-1, (4, 5))]:
    family.add(
        f"scatterAdd along {axis}", "scatterAdd", {"axis": axis},
        lambda d, i=index: [d.uniform(4, 3), d.integers(*i, below=3), d.uniform(*i)],
        lambda x, i, s, a=axis: torch.scatter_add(x, a, i, s),
    )
family.add(
    "oneHot", "oneHot", {"classes": 4}, lambda d: [d.integers(2, 3, below=4)], lambda i: F.one_hot(i, 4)
)
for axis, largest in [(-1, True), (0, True), (1, False)]:
    family.add(
        f"topK {'largest' if largest else 'smallest'} along {axis}", "topK",
        {"count": 2, "axis": axis, "smallest": not largest},
        lambda d: [d.uniform(3, 4, 5)], lambda x, a=axis, l=largest: torch.topk(x, 2, a, l),
    )
for axis, descending in [(-1, False), (0, True), (1, False)]:
    family.add(
        f"sort {'down' if descending else 'up'} along {axis}", "sort",
        {"axis": axis, "descending": descending}, lambda d: [d.uniform(3, 4, 5)],
        lambda x, a=axis, s=descending: torch.sort(x, dim=a, descending=s, stable=True),
    )
family.add(
    "sort of equal numbers", "argsort", {"axis": -1, "descending": False},
    lambda d: [d.integers(2, 12, below=3) / 2.0], lambda x: torch.sort(x, stable=True)[1],
)
family.add(
    "sort down of equal numbers", "argsort", {"axis": -1, "descending": True},
    lambda d: [d.integers(2, 12, below=3) / 2.0], lambda x: torch.sort(x, descending=True, stable=True)[1],
)
