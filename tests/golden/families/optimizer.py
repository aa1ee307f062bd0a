"""Optimizer steps, SAM, clipping, averaging and schedules. Inputs and outputs are named in the options."""

import math

import torch
import torch.nn.functional as F

from golden import Draw, Family

family = Family("optimizer")

SHAPES = [(3, 2), (4,)]
STEPS = 5


def trajectory(name, operation, options, make):
    """Parameters after each of several steps with given gradients.

    Inputs: the parameters, then for each step their gradients. Outputs: for each step the parameters.
    """
    draw = Draw(name)
    parameters = [draw.uniform(*shape).requires_grad_() for shape in SHAPES]
    inputs = [p.detach().clone() for p in parameters]
    outputs = []
    optimizer = make(parameters)
    for _ in range(STEPS):
        for parameter in parameters:
            parameter.grad = draw.uniform(*parameter.shape, low=-1, high=1)
            inputs.append(parameter.grad.clone())
        optimizer.step()
        outputs += [p.detach().clone() for p in parameters]
    family.add_values(name, operation, {**options, "parameters": len(SHAPES), "steps": STEPS}, inputs, outputs)


for options in (
    {"learningRate": 0.1},
    {"learningRate": 0.1, "momentum": 0.9},
    {"learningRate": 0.1, "momentum": 0.9, "nesterov": True},
    {"learningRate": 0.1, "weightDecay": 0.05},
    {"learningRate": 0.1, "momentum": 0.9, "weightDecay": 0.05, "nesterov": True},
):
    trajectory(
        f"sgd {options}", "sgd", options,
        lambda p, o=options: torch.optim.SGD(
            p, o["learningRate"], o.get("momentum", 0), 0, o.get("weightDecay", 0), o.get("nesterov", False)
        ),
    )
for options in (
    {"learningRate": 0.05, "weightDecay": 0},
    {"learningRate": 0.05, "weightDecay": 0.1},
    {"learningRate": 0.05, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-6, "weightDecay": 0.05},
):
    trajectory(
        f"adamW {options}", "adamW", options,
        lambda p, o=options: torch.optim.AdamW(
            p, o["learningRate"], (o.get("beta1", 0.9), o.get("beta2", 0.999)), o.get("epsilon", 1e-8),
            o["weightDecay"],
        ),
    )


def network(x, target, w1, b1, w2, b2):
    """The loss that SAM descends: a two-layer network with tanh, mean squared error."""
    return F.mse_loss(F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2), target)


def sam(name, options, make, steps=4):
    """SAM as davda54/sam does it: climb by rho g / (|g| + 1e-12), take the gradient there, step from the start.

    Inputs: x, target, w1, b1, w2, b2. Outputs: for each step the loss before it, the loss at the top, the
    gradients' global norm before the climb, and w1, b1, w2, b2 after the step.
    """
    draw = Draw(name)
    x, target = draw.uniform(6, 3), draw.uniform(6, 2)
    parameters = [draw.uniform(*s, low=-1, high=1).requires_grad_() for s in [(4, 3), (4,), (2, 4), (2,)]]
    inputs = [x, target, *(p.detach().clone() for p in parameters)]
    outputs = []
    optimizer = make(parameters)
    for _ in range(steps):
        loss = network(x, target, *parameters)
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.sqrt(sum((g**2).sum() for g in gradients))
        climbs = [options["radius"] * g / (norm + 1e-12) for g in gradients]
        start = [p.detach().clone() for p in parameters]
        with torch.no_grad():
            for p, climb in zip(parameters, climbs):
                p.add_(climb)
        top = network(x, target, *parameters)
        for p, gradient in zip(parameters, torch.autograd.grad(top, parameters)):
            p.grad = gradient
        with torch.no_grad():
            for p, old in zip(parameters, start):
                p.copy_(old)
        optimizer.step()
        outputs += [loss, top, norm, *(p.detach().clone() for p in parameters)]
    family.add_values(name, "sam", {**options, "steps": steps}, inputs, outputs)


for radius in (0.05, 0.5):
    options = {"base": "sgd", "radius": radius, "learningRate": 0.1, "momentum": 0.9, "weightDecay": 0.01}
    sam(f"sam around sgd, radius {radius}", options, lambda p: torch.optim.SGD(p, 0.1, 0.9, weight_decay=0.01))
    options = {"base": "adamW", "radius": radius, "learningRate": 0.02, "weightDecay": 0.1}
    sam(f"sam around adamW, radius {radius}", options, lambda p: torch.optim.AdamW(p, 0.02, weight_decay=0.1))

for limit in (0.5, 100.0):
    draw = Draw(f"clipping {limit}")
    gradients = [draw.uniform(*shape) for shape in SHAPES]
    parameters = [torch.zeros(shape).requires_grad_() for shape in SHAPES]
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    family.add_values(
        f"clipGlobalNorm at {limit}", "clipGlobalNorm", {"limit": limit}, gradients,
        [norm, *(p.grad for p in parameters)],
    )


def cosine(step, base, total, warmup, warmup_start, final, prefix):
    """timm's CosineLRScheduler: linear warm-up, then half a cosine, then the final rate."""
    if step < warmup:
        return warmup_start + step * (base - warmup_start) / warmup
    if prefix:
        step = step - warmup
    if step >= total:
        return final
    return final + 0.5 * (base - final) * (1 + math.cos(math.pi * step / total))


for warmup, final, prefix in [(0, 0.0, False), (4, 1e-5, True), (4, 1e-5, False)]:
    total = 16 if prefix else 20
    rates = [cosine(step, 1e-3, total, warmup, 1e-6, final, prefix) for step in range(24)]
    family.add_values(
        f"cosine schedule, warm-up {warmup}{', then the whole cosine' if prefix else ''}", "cosineSchedule",
        {
            "learningRate": 1e-3, "cosineSteps": total, "warmupSteps": warmup, "warmupStart": 1e-6,
            "finalRate": final, "warmupFirst": prefix,
        },
        [], [torch.tensor(rates)],
    )

draw = Draw("average")
series = [draw.uniform(3, 2) for _ in range(6)]
for decay in (0.9, 0.5):
    average = series[0].clone()
    averages = []
    for value in series[1:]:
        average = decay * average + (1 - decay) * value
        averages.append(average)
    family.add_values(f"exponential average, decay {decay}", "exponentialAverage", {"decay": decay}, series, averages)


def layer_of(name, depth):
    """timm's layer of a ViT parameter: stem 0, block i at i + 1, the final norm with the last block, the head last."""
    if name.startswith(("cls_token", "pos_embed", "patch_embed", "reg_token")):
        return 0
    if name.startswith("blocks."):
        return int(name.split(".")[1]) + 1
    return depth if name.startswith("norm") else depth + 1


for depth, decay in [(3, 0.75), (12, 0.65)]:
    names = [
        "cls_token", "pos_embed", "patch_embed.proj.weight",
        *(f"blocks.{i}.attn.qkv.weight" for i in range(depth)), "norm.weight", "head.weight",
    ]
    factors = [decay ** (depth + 1 - layer_of(name, depth)) for name in names]
    family.add_values(
        f"layer-wise decay, depth {depth}", "layerDecay", {"depth": depth, "decay": decay, "names": names}, [],
        [torch.tensor(factors)],
    )
