"""PyTorch as a peer: `vit CONFIG THREADS`, one training step of an encoder, or `matmul N THREADS`.

Prints `ready`, then answers every line `run N` with the milliseconds of N repetitions.
"""

import json
import sys
import time

import torch

what, size, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)


class Block(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.proj = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.fc1, self.fc2 = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        packed = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = packed.permute(2, 0, 3, 1, 4)
        mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.fc2(torch.nn.functional.gelu(self.fc1(self.norm2(x))))


def vit():
    config = json.loads(size)
    batch, tokens, width = config["batch"], config["tokens"], config["width"]
    blocks = torch.nn.Sequential(*[Block(width, config["heads"]) for _ in range(config["depth"])])
    norm, head = torch.nn.LayerNorm(width), torch.nn.Linear(width, config["classes"])
    parameters = [*blocks.parameters(), *norm.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01)
    x = torch.randn(batch, tokens, width)
    target = torch.arange(batch) % config["classes"]

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(head(norm(blocks(x))[:, 0]), target)
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
