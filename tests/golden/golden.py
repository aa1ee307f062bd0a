"""What every family of golden cases is written with: seeded inputs, gradients by PyTorch, compact JSON.

A case is {"name", "operation", "options", "inputs", "outputs", "outputGradients", "inputGradients"}. A tensor is
{"shape", "data"} and, where it is not float64, "dtype" ("int32" or "bool"). Gradients are null where
there are none. Inputs and output gradients have four decimals, so that the decimal text is exactly what
PyTorch computed from; results have 15 significant digits.
"""

import json
import math
import zlib

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Draw:
    """A stream of random tensors that depends on the case's name only."""

    def __init__(self, name):
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def uniform(self, *shape, low=-2.0, high=2.0):
        """Uniform numbers of four decimals in low..high."""
        values = torch.rand(shape, generator=self.generator) * (high - low) + low
        return (values * 1e4).round() / 1e4

    def integers(self, *shape, below):
        """Integers in 0..below-1."""
        return torch.randint(0, below, shape, generator=self.generator, dtype=torch.int64)

    def mask(self, *shape, share=0.5):
        """True with probability `share`."""
        return torch.rand(shape, generator=self.generator) < share

    def permutation(self, count):
        """0..count-1 in random order."""
        return torch.randperm(count, generator=self.generator)


def number(value):
    """A float with 15 significant digits, whole numbers without a point."""
    value = float(f"{value:.15g}")
    if not math.isfinite(value):
        raise ValueError("golden values are finite")
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def encode(tensor):
    """A tensor as {"shape", "data"[, "dtype"]}, or null."""
    if tensor is None:
        return None
    flat = tensor.detach().reshape(-1)
    result = {"shape": list(tensor.shape), "data": [number(v) for v in flat.tolist()]}
    if tensor.dtype == torch.bool:
        result["dtype"] = "bool"
    elif not tensor.dtype.is_floating_point:
        result["dtype"] = "int32"
    return result


class Family:
    """The cases of one file."""

    def __init__(self, name):
        self.name = name
        self.cases = []

    def add(self, name, operation, options, inputs, compute, frozen=()):
        """Adds a case: `inputs(draw)` gives the tensors, `compute(*inputs)` the output or outputs.

        Inputs whose index is in `frozen` get no gradient (running statistics, targets).
        """
        draw = Draw(name)
        tensors = list(inputs(draw))
        for index, tensor in enumerate(tensors):
            if tensor.is_floating_point() and index not in frozen:
                tensor.requires_grad_(True)
        outputs = compute(*tensors)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        output_gradients = [
            draw.uniform(*output.shape, low=-1, high=1) if output.requires_grad else None
            for output in outputs
        ]
        differentiable = [t for t in tensors if t.requires_grad]
        gradients = iter(())
        if any(g is not None for g in output_gradients):
            gradients = iter(
                torch.autograd.grad(
                    [o for o, g in zip(outputs, output_gradients) if g is not None],
                    differentiable,
                    [g for g in output_gradients if g is not None],
                    allow_unused=True,
                )
            )
        self.cases.append({
            "name": name,
            "operation": operation,
            "options": options,
            "inputs": [encode(t) for t in tensors],
            "outputs": [encode(o) for o in outputs],
            "outputGradients": [encode(g) for g in output_gradients],
            "inputGradients": [
                encode(next(gradients, None)) if t.requires_grad else None for t in tensors
            ],
        })

    def add_values(self, name, operation, options, inputs, outputs):
        """Adds a case of given inputs and outputs that has no gradients (an optimizer, a schedule)."""
        self.cases.append({
            "name": name,
            "operation": operation,
            "options": options,
            "inputs": [encode(t) for t in inputs],
            "outputs": [encode(t) for t in outputs],
            "outputGradients": [None for _ in outputs],
            "inputGradients": [None for _ in inputs],
        })

    def write(self, folder):
        """Writes `<name>.json`, one case a line, and returns its size in bytes."""
        names = [case["name"] for case in self.cases]
        if len(names) != len(set(names)):
            raise ValueError(f"{self.name}: two cases have one name")
        lines = [json.dumps(case, separators=(",", ":")) for case in self.cases]
        text = "[\n" + ",\n".join(lines) + "\n]\n"
        (folder / f"{self.name}.json").write_text(text)
        return len(text)
