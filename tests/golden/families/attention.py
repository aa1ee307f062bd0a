"""Scaled dot-product attention on separate and on packed query, key and value."""

import torch
import torch.nn.functional as F

from golden import Family

family = Family("attention")


def heads(d, batch=2, count=2, queries=3, keys=4, width=3):
    return [
        d.uniform(batch, count, queries, width),
        d.uniform(batch, count, keys, width),
        d.uniform(batch, count, keys, width),
    ]


family.add("attention", "scaledDotProductAttention", {}, heads, F.scaled_dot_product_attention)
family.add(
    "attention with a scale", "scaledDotProductAttention", {"scale": 0.3}, heads,
    lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.3),
)
family.add(
    "causal attention", "scaledDotProductAttention", {"causal": True},
    lambda d: heads(d, queries=4), lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
)


def with_mask(d):
    mask = d.mask(3, 4)
    mask[:, 1] = True  # a row that may attend to nothing is undefined
    return heads(d) + [mask]


family.add(
    "attention with a mask", "scaledDotProductAttention", {}, with_mask,
    lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
)
family.add(
    "attention with an added mask", "scaledDotProductAttention", {},
    lambda d: heads(d) + [d.uniform(2, 1, 3, 4)],
    lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
)
family.add(
    "attention on three axes", "scaledDotProductAttention", {},
    lambda d: [d.uniform(2, 3, 4), d.uniform(2, 5, 4), d.uniform(2, 5, 3)], F.scaled_dot_product_attention,
)


def packed(count, causal=False, scale=None):
    def compute(x):
        batch, tokens, width = x.shape
        q, k, v = x.reshape(batch, tokens, 3, count, width // 3 // count).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
        return y.transpose(1, 2).reshape(batch, tokens, width // 3)

    return compute


family.add(
    "packed attention", "packedAttention", {"heads": 2}, lambda d: [d.uniform(2, 5, 18)], packed(2)
)
family.add(
    "packed causal attention", "packedAttention", {"heads": 3, "causal": True},
    lambda d: [d.uniform(1, 4, 18)], packed(3, causal=True),
)
family.add(
    "packed attention with a scale", "packedAttention", {"heads": 1, "scale": 0.25},
    lambda d: [d.uniform(2, 3, 12)], packed(1, scale=0.25),
)
