"""Losses and similarities."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("loss")

REDUCTIONS = ("mean", "sum", "none")


def labelled(d):
    return [d.uniform(4, 3, low=-4, high=4), d.integers(4, below=3)]


for reduction in REDUCTIONS:
    options = {"reduction": reduction}
    family.add(
        f"crossEntropy, {reduction}", "crossEntropy", options, labelled,
        lambda x, t, r=reduction: F.cross_entropy(x, t, reduction=r),
    )
    family.add(
        f"crossEntropy with smoothed labels, {reduction}", "crossEntropy",
        {**options, "labelSmoothing": 0.1}, labelled,
        lambda x, t, r=reduction: F.cross_entropy(x, t, reduction=r, label_smoothing=0.1),
    )
    weighted = lambda d: labelled(d) + [d.uniform(3, low=0.3, high=2)]
    family.add(
        f"crossEntropy with class weights, {reduction}", "crossEntropy", options, weighted,
        lambda x, t, w, r=reduction: F.cross_entropy(x, t, w, reduction=r), frozen=(2,),
    )
    family.add(
        f"crossEntropy with class weights and smoothed labels, {reduction}", "crossEntropy",
        {**options, "labelSmoothing": 0.2}, weighted,
        lambda x, t, w, r=reduction: F.cross_entropy(x, t, w, reduction=r, label_smoothing=0.2),
        frozen=(2,),
    )
    soft = lambda d: [d.uniform(4, 3, low=-4, high=4), torch.tensor([[0.2, 0.5, 0.3], [1, 0, 0], [0, 0.75, 0.25], [0.1, 0.1, 0.8]])]
    family.add(
        f"crossEntropy with probabilities as targets, {reduction}", "crossEntropy", options, soft,
        lambda x, t, r=reduction: F.cross_entropy(x, t, reduction=r), frozen=(1,),
    )
    family.add(
        f"binaryCrossEntropyWithLogits, {reduction}", "binaryCrossEntropyWithLogits", options,
        lambda d: [d.uniform(3, 4, low=-9, high=9), d.uniform(3, 4, low=0, high=1)],
        lambda x, t, r=reduction: F.binary_cross_entropy_with_logits(x, t, reduction=r), frozen=(1,),
    )
    family.add(
        f"mseLoss, {reduction}", "mseLoss", options,
        lambda d: [d.uniform(3, 4), d.uniform(3, 4)], lambda x, t, r=reduction: F.mse_loss(x, t, reduction=r),
    )
    for beta in (1.0, 0.5):
        family.add(
            f"smoothL1Loss with beta {beta}, {reduction}", "smoothL1Loss", {**options, "beta": beta},
            lambda d: [d.uniform(3, 4), d.uniform(3, 4)],
            lambda x, t, r=reduction, b=beta: F.smooth_l1_loss(x, t, reduction=r, beta=b),
        )


def kl_options(reduction):
    return {"batchMean": True} if reduction == "batchMean" else {"reduction": reduction}


probabilities = lambda d: d.uniform(3, 4, low=0.05, high=1)
for reduction in ("mean", "batchMean", "sum", "none"):
    # Four decimals of a log-probability need not sum to one; the divergence is defined all the same.
    family.add(
        f"klDivergence, {reduction}", "klDivergence", kl_options(reduction),
        lambda d: [d.uniform(3, 4, low=-3, high=-0.1), probabilities(d)],
        lambda x, t, r=reduction: F.kl_div(x, t, reduction=r.lower()), frozen=(1,),
    )
    family.add(
        f"klDivergence of logarithms, {reduction}", "klDivergence",
        {**kl_options(reduction), "logTarget": True},
        lambda d: [d.uniform(3, 4, low=-3, high=-0.1), d.uniform(3, 4, low=-3, high=-0.1)],
        lambda x, t, r=reduction: F.kl_div(x, t, reduction=r.lower(), log_target=True), frozen=(1,),
    )
for axis in (-1, 1):
    family.add(
        f"cosineSimilarity along {axis}", "cosineSimilarity", {"axis": axis, "epsilon": 1e-8},
        lambda d: [d.uniform(2, 3, 4), d.uniform(2, 3, 4)],
        lambda a, b, x=axis: F.cosine_similarity(a, b, x, 1e-8),
    )
family.add(
    "cosineSimilarity broadcast", "cosineSimilarity", {"axis": -1, "epsilon": 1e-8},
    lambda d: [d.uniform(3, 1, 4), d.uniform(2, 4)], lambda a, b: F.cosine_similarity(a, b, -1, 1e-8),
)
