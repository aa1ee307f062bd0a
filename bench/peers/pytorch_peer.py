"""PyTorch as a peer: `vit CONFIG THREADS`, one training step of an encoder, or `matmul N THREADS`.

Prints `ready`, then answers every line `run N` with the milliseconds of N repetitions.
"""

import json
import sys
import time

import torch

from encoder import encoder

what, size, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)


def vit():
    config = json.loads(size)
    batch, tokens, width = config["batch"], config["tokens"], config["width"]
    model = encoder(config)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x = torch.randn(batch, tokens, width)
    target = torch.arange(batch) % config["classes"]

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def matmul():
    a, b = torch.randn(int(size), int(size)), torch.randn(int(size), int(size))
    return lambda: a @ b


repeat = vit() if what == "vit" else matmul()
repeat()
print("ready", flush=True)
for line in sys.stdin:
    count = int(line.split()[1])
    start = time.perf_counter()
    for _ in range(count):
        repeat()
    print(1000 * (time.perf_counter() - start), flush=True)
