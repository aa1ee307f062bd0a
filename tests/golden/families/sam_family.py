"""SAM's relatives by their authors' rules, each step on a batch of its own, around SGD with momentum and AdamW."""

import torch
import torch.nn.functional as F

from golden import Draw, Family

family = Family("sam_family")

NAMES = ["weights.0", "weights.1", "weights.2", "weights.3"]
SHAPES = [(4, 3), (4,), (2, 4), (2,)]
STEPS = 7
SAMPLES = 6


def sample_losses(x, target, w1, b1, w2, b2):
    """The mean squared error of a two-layer network with tanh, sample by sample."""
    return F.mse_loss(F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2), target, reduction="none").mean(1)


def norm_of(vectors):
    return torch.sqrt(sum((v**2).sum() for v in vectors))


def inner(a, b):
    return sum((x * y).sum() for x, y in zip(a, b))


def gradients_at(parameters, x, target):
    losses = sample_losses(x, target, *parameters)
    return losses.detach(), torch.autograd.grad(losses.mean(), parameters)


def moved(parameters, offsets):
    return [(p.detach() + o).requires_grad_() for p, o in zip(parameters, offsets)]


def climb(direction, radius, weights=None):
    """SAM's rule, or ASAM's where weights are given: rho w^2 d / (| |w| d | + 1e-12)."""
    if weights is None:
        norm = norm_of(direction)
        return [radius * d / (norm + 1e-12) for d in direction]
    norm = norm_of([w.abs() * d for w, d in zip(weights, direction)])
    return [radius * w**2 * d / (norm + 1e-12) for w, d in zip(weights, direction)]


def trajectory(name, operation, options, make_rule):
    """Inputs: the batches x, target of all steps, then the parameters. Outputs: for each step the loss before it, and
    the parameters after it. `make_rule()` gives rule(step, parameters, x, target) -> losses, gradient to step with.
    """
    for base, make in {
        "sgd": lambda p: torch.optim.SGD(p, 0.1, 0.9, weight_decay=0.01),
        "adamW": lambda p: torch.optim.AdamW(p, 0.02, weight_decay=0.1),
    }.items():
        draw = Draw(f"{name} {base}")
        xs, targets = draw.uniform(STEPS, SAMPLES, 3), draw.uniform(STEPS, SAMPLES, 2)
        parameters = [draw.uniform(*s, low=-1, high=1).requires_grad_() for s in SHAPES]
        inputs = [xs, targets, *(p.detach().clone() for p in parameters)]
        outputs = []
        optimizer, rule = make(parameters), make_rule()
        for step in range(STEPS):
            losses, direction = rule(step, parameters, xs[step], targets[step])
            for p, d in zip(parameters, direction):
                p.grad = d.detach().clone()
            optimizer.step()
            outputs += [losses.mean(), *(p.detach().clone() for p in parameters)]
        rates = {"sgd": {"learningRate": 0.1, "momentum": 0.9, "weightDecay": 0.01},
                 "adamW": {"learningRate": 0.02, "weightDecay": 0.1}}[base]
        family.add_values(
            f"{name} around {base}", operation, {**options, **rates, "base": base, "steps": STEPS}, inputs, outputs
        )


def asam(radius):
    """Kwon et al., 2021, all parameters scaled, as davda54/sam has it."""
    def rule(_, parameters, x, target):
        losses, g = gradients_at(parameters, x, target)
        with torch.no_grad():
            offsets = climb(g, radius, parameters)
        return losses, gradients_at(moved(parameters, offsets), x, target)[1]
    return lambda: rule


def partial(radius, chosen):
    """SAM that perturbs some parameters, by the norm over them."""
    def rule(_, parameters, x, target):
        losses, g = gradients_at(parameters, x, target)
        masked = [d if n in chosen else torch.zeros_like(d) for n, d in zip(NAMES, g)]
        return losses, gradients_at(moved(parameters, climb(masked, radius)), x, target)[1]
    return lambda: rule


def warm(radius, steps):
    """Plain steps first, then SAM."""
    def rule(step, parameters, x, target):
        losses, g = gradients_at(parameters, x, target)
        if step < steps:
            return losses, g
        return losses, gradients_at(moved(parameters, climb(g, radius)), x, target)[1]
    return lambda: rule


def gsam(radius, alpha):
    """Zhuang et al., 2022, algorithm 1: g_top - alpha (g - <g, g_top> g_top / |g_top|^2)."""
    def rule(_, parameters, x, target):
        losses, g = gradients_at(parameters, x, target)
        top = gradients_at(moved(parameters, climb(g, radius)), x, target)[1]
        norm, first_norm = norm_of(top), norm_of(g)
        cosine = inner(g, top) / (norm * first_norm + 1e-12)
        return losses, [
            t - alpha * (f - cosine * first_norm * t / (norm + 1e-12)) for f, t in zip(g, top)
        ]
    return lambda: rule


def look_sam(radius, alpha, every):
    """Liu et al., 2022, algorithm 1: g_v = g_top - |g_top| cos(theta) g / |g| every k steps, g + alpha |g| / |g_v| g_v else."""
    def make():
        kept = {}
        def rule(step, parameters, x, target):
            losses, g = gradients_at(parameters, x, target)
            if step % every != 0:
                scale = alpha * norm_of(g) / (norm_of(kept["v"]) + 1e-12)
                return losses, [d + scale * v for d, v in zip(g, kept["v"])]
            top = gradients_at(moved(parameters, climb(g, radius)), x, target)[1]
            cosine = inner(g, top) / (norm_of(g) * norm_of(top))
            kept["v"] = [t - norm_of(top) * cosine * d / norm_of(g) for d, t in zip(g, top)]
            return losses, top
        return rule
    return make


def friendly_sam(radius, sigma, decay):
    """Li et al., 2024, as in the authors' code: the direction is g - sigma m with the mean m of the steps before."""
    def make():
        kept = {}
        def rule(_, parameters, x, target):
            losses, g = gradients_at(parameters, x, target)
            direction = g
            if "m" in kept:
                direction = [d - sigma * m for d, m in zip(g, kept["m"])]
                kept["m"] = [decay * m + (1 - decay) * d for d, m in zip(g, kept["m"])]
            else:
                kept["m"] = g
            return losses, gradients_at(moved(parameters, climb(direction, radius)), x, target)[1]
        return rule
    return make


def esam(radius, beta, gamma, masks):
    """Du et al., 2022: the climb of some parameters by rho / beta, the second pass over the samples that rise most."""
    def rule(step, parameters, x, target):
        losses, g = gradients_at(parameters, x, target)
        masked = [d * m for d, m in zip(g, masks[step])]
        top = moved(parameters, climb(masked, radius / beta))
        rises = sample_losses(x, target, *top).detach() - losses
        rows = torch.topk(rises, int(gamma * SAMPLES)).indices
        return losses, gradients_at(top, x[rows], target[rows])[1]
    return lambda: rule


def guided(fraction, every, maximum, groups):
    """COR-guided SAM with an estimate that is easy to write: the critical radius of a group is |g| of the group."""
    def make():
        kept = {}
        def rule(step, parameters, x, target):
            losses, g = gradients_at(parameters, x, target)
            offsets = [torch.zeros_like(p) for p in parameters]
            for group in sorted(set(groups)):
                members = [i for i, other in enumerate(groups) if other == group]
                norm = norm_of([g[i] for i in members])
                if step % every == 0:
                    kept[group] = min(maximum, fraction * norm.item())
                for i in members:
                    offsets[i] = kept[group] * g[i] / (norm + 1e-12)
            return losses, gradients_at(moved(parameters, offsets), x, target)[1]
        return rule
    return make


trajectory("asam, radius 0.5", "sam", {"radius": 0.5, "adaptive": True}, asam(0.5))
trajectory(
    "sam of the second layer, radius 0.3", "sam", {"radius": 0.3, "perturbed": NAMES[2:]}, partial(0.3, NAMES[2:])
)
trajectory("sam after 3 plain steps, radius 0.2", "warmStart", {"radius": 0.2, "start": 3}, warm(0.2, 3))
for alpha in (0.1, 0.7):
    trajectory(f"gsam, alpha {alpha}", "gsam", {"radius": 0.3, "alpha": alpha}, gsam(0.3, alpha))
for every in (1, 3):
    trajectory(
        f"lookSam, every {every}", "lookSam", {"radius": 0.3, "alpha": 0.7, "every": every}, look_sam(0.3, 0.7, every)
    )
for sigma, decay in ((1.0, 0.6), (0.5, 0.9)):
    trajectory(
        f"friendlySam, sigma {sigma}", "friendlySam", {"radius": 0.3, "sigma": sigma, "decay": decay},
        friendly_sam(0.3, sigma, decay),
    )
chosen = Draw("esam masks")
masks = chosen.mask(STEPS, len(NAMES), share=0.6).tolist()
masks = [row if any(row) else [True] * len(NAMES) for row in masks]
for beta, gamma in ((1.0, 0.5), (0.6, 1.0), (0.6, 0.5)):
    used = masks if beta < 1 else [[True] * len(NAMES)] * STEPS
    trajectory(
        f"esam, beta {beta}, gamma {gamma}", "esam",
        {"radius": 0.2, "beta": beta, "gamma": gamma, "masks": used}, esam(0.2, beta, gamma, used),
    )
for name, groups in {"all": ["a"] * 4, "by layer": ["a", "a", "b", "b"]}.items():
    trajectory(
        f"corGuidedSam, {name}", "corGuidedSam",
        {"fraction": 0.4, "every": 3, "maximum": 0.25, "groups": groups}, guided(0.4, 3, 0.25, groups),
    )

rates = [1e-3 * i / 10 for i in range(12)]
low, high, slow, fast = 0.02, 0.2, 1e-4, 1e-3
family.add_values(
    "gsam's radius follows the rate", "radiusFollowingRate", {"radii": [low, high], "rates": [slow, fast]},
    [torch.tensor(rates)],
    [torch.tensor([low + (high - low) * min(1, max(0, (r - slow) / (fast - slow))) for r in rates])],
)
