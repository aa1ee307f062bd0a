"""Matrix products: batched, broadcast, transposed, linear layers and einsum."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("matmul")

for a, b in [
    ((3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (3, 4, 2)),
    ((1, 4), (4, 1)),
]:
    family.add(
        f"matmul {list(a)} {list(b)}", "matmul", {},
        lambda d, a=a, b=b: [d.uniform(*a), d.uniform(*b)], torch.matmul,
    )
family.add(
    "matmul with the first transposed", "matmul", {"transposeA": True},
    lambda d: [d.uniform(2, 4, 3), d.uniform(2, 4, 5)], lambda a, b: a.mT @ b,
)
family.add(
    "matmul with the second transposed", "matmul", {"transposeB": True},
    lambda d: [d.uniform(2, 3, 4), d.uniform(2, 5, 4)], lambda a, b: a @ b.mT,
)
family.add(
    "matmul with both transposed", "matmul", {"transposeA": True, "transposeB": True},
    lambda d: [d.uniform(4, 3), d.uniform(2, 5, 4)], lambda a, b: a.mT @ b.mT,
)
family.add("dot", "dot", {}, lambda d: [d.uniform(5), d.uniform(5)], torch.dot)
family.add(
    "matmul of a row", "matmul", {}, lambda d: [d.uniform(4), d.uniform(2, 4, 3)], torch.matmul
)
family.add(
    "matmul with a column", "matmul", {}, lambda d: [d.uniform(2, 3, 4), d.uniform(4)], torch.matmul
)
family.add(
    "linear", "linear", {}, lambda d: [d.uniform(2, 3, 4), d.uniform(5, 4), d.uniform(5)], F.linear
)
family.add("linear without bias", "linear", {}, lambda d: [d.uniform(3, 4), d.uniform(5, 4)], F.linear)
family.add(
    "linear with gelu", "linear", {"activation": "gelu"},
    lambda d: [d.uniform(3, 4), d.uniform(5, 4), d.uniform(5)], lambda x, w, b: F.gelu(F.linear(x, w, b)),
)
family.add(
    "linear with relu", "linear", {"activation": "relu"},
    lambda d: [d.uniform(3, 4), d.uniform(5, 4), d.uniform(5)], lambda x, w, b: F.relu(F.linear(x, w, b)),
)
for equation, shapes in [
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,kj->ik", [(2, 3), (4, 3)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
    ("bhid,bhjd->bhij", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ("bihd,bjhd->bhij", [(2, 3, 2, 4), (2, 5, 2, 4)]),
    ("bhij,bjhd->bihd", [(2, 2, 3, 5), (2, 5, 2, 4)]),
    ("i,j->ij", [(3,), (4,)]),
    ("i,i->", [(5,), (5,)]),
    ("ij,ij->i", [(3, 4), (3, 4)]),
    ("ij->ji", [(3, 4)]),
    ("ii->i", [(3, 3)]),
    ("bii->b", [(2, 3, 3)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ijk->j", [(2, 3, 4)]),
    ("ij,jk->k", [(2, 3), (3, 4)]),
    ("bchw,oc->bohw", [(2, 3, 2, 2), (4, 3)]),
    ("bi,ij,bj->b", [(3, 2), (2, 4), (3, 4)]),
]:
    family.add(
        f"einsum {equation}", "einsum", {"equation": equation},
        lambda d, s=shapes: [d.uniform(*shape) for shape in s], lambda *t, e=equation: torch.einsum(e, *t),
    )
