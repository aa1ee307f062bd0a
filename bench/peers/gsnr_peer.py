"""Exact sums of squared per-sample gradients of every parameter, as PyTorch's tools give them: `HOW CONFIG THREADS`.

HOW is `backward` (one plain backward pass, nothing else), `vmap` (torch.func.vmap of grad), `opacus` or `backpack`.
BackPACK has no rule for layer norms: their parameters are left out for it.

Prints `peak BYTES` (of resident memory, after some repetitions) and `ready`, then answers every line `run N` with the
milliseconds of N repetitions, forward passes not counted.
"""

import json
import resource
import sys
import time
import warnings

import torch
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from encoder import encoder

# Tools warn about hooks and batching rules; nothing of it changes what they give.
warnings.filterwarnings("ignore")
how, config, threads = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
batch = config["batch"]
model = encoder(config)
x = torch.randn(batch, config["tokens"], config["width"])
target = torch.arange(batch) % config["classes"]
loss_of = torch.nn.functional.cross_entropy


def timed(body):
    """The result, and the seconds it took."""
    start = time.perf_counter()
    result = body()
    return result, time.perf_counter() - start


def backward():
    model.zero_grad(set_to_none=True)
    loss = loss_of(model(x), target)
    return timed(loss.backward)[1]


def per_sample():
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(values, sample, label):
        return loss_of(functional_call(model, values, (sample[None],)), label[None])

    def gradients():
        # The fused attention kernel has no batching rule: it would be called sample by sample.
        with sdpa_kernel(SDPBackend.MATH):
            return vmap(grad(loss), in_dims=(None, 0, 0))(parameters, x, target)

    return gradients


def with_vmap():
    gradients = per_sample()

    def repeat():
        # Forward and backward come together: the forward pass is timed by itself and taken off.
        forward = timed(lambda: loss_of(model(x), target))[1]
        sums, seconds = timed(
            lambda: [(g.sum(0), g.square().sum(0)) for g in gradients().values()]
        )
        return seconds - forward

    return repeat


def with_opacus():
    from opacus import GradSampleModule

    wrapped = GradSampleModule(model, loss_reduction="sum")

    def repeat():
        wrapped.zero_grad(set_to_none=True)
        loss = loss_of(wrapped(x), target, reduction="sum")

        def walk():
            loss.backward()
            return [p.grad_sample.square().sum(0) for p in wrapped.parameters()]

        return timed(walk)[1]

    return repeat


def with_backpack():
    from backpack import backpack, extend
    from backpack.extensions import SumGradSquared

    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.requires_grad_(False)
        elif isinstance(module, torch.nn.Linear):
            extend(module)

    def repeat():
        model.zero_grad(set_to_none=True)
        loss = loss_of(model(x), target, reduction="sum")

        def walk():
            with backpack(SumGradSquared()):
                loss.backward()

        return timed(walk)[1]

    return repeat


def check(repeat):
    """The squares of one weight must be those of single backward passes."""
    if how in ("backward", "vmap"):
        return
    repeat()
    weight = model.head.weight
    found = weight.sum_grad_squared if how == "backpack" else weight.grad_sample.square().sum(0)
    weight_of = encoder(config)
    weight_of.load_state_dict({k.removeprefix("_module."): v for k, v in model.state_dict().items()})
    squares = sum(
        torch.autograd.grad(loss_of(weight_of(x[i : i + 1]), target[i : i + 1]), weight_of.head.weight)[0] ** 2
        for i in range(batch)
    )
    torch.testing.assert_close(found.detach(), squares, rtol=1e-3, atol=1e-5)


repeat = {
    "backward": lambda: backward, "vmap": with_vmap, "opacus": with_opacus, "backpack": with_backpack
}[how]()
for _ in range(3):
    repeat()
print(f"peak {1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}", flush=True)
check(repeat)
print("ready", flush=True)
for line in sys.stdin:
    count = int(line.split()[1])
    print(1000 * sum(repeat() for _ in range(count)), flush=True)
