"""A pre-norm transformer block and a whole small vision transformer, with timm's names and order of operations."""

import torch
import torch.nn.functional as F

from golden import Draw, Family

family = Family("vision_transformer")

WIDTH, HEADS, HIDDEN, EPSILON = 8, 2, 16, 1e-6


def block_shapes(prefix=""):
    """Names and shapes of a block's parameters."""
    return {
        f"{prefix}norm1.weight": (WIDTH,),
        f"{prefix}norm1.bias": (WIDTH,),
        f"{prefix}attn.qkv.weight": (3 * WIDTH, WIDTH),
        f"{prefix}attn.qkv.bias": (3 * WIDTH,),
        f"{prefix}attn.proj.weight": (WIDTH, WIDTH),
        f"{prefix}attn.proj.bias": (WIDTH,),
        f"{prefix}norm2.weight": (WIDTH,),
        f"{prefix}norm2.bias": (WIDTH,),
        f"{prefix}mlp.fc1.weight": (HIDDEN, WIDTH),
        f"{prefix}mlp.fc1.bias": (HIDDEN,),
        f"{prefix}mlp.fc2.weight": (WIDTH, HIDDEN),
        f"{prefix}mlp.fc2.bias": (WIDTH,),
    }


def block(x, p, prefix=""):
    """x + attention(norm1(x)), then x + mlp(norm2(x))."""
    batch, tokens, width = x.shape
    normed = F.layer_norm(x, (width,), p[f"{prefix}norm1.weight"], p[f"{prefix}norm1.bias"], EPSILON)
    packed = F.linear(normed, p[f"{prefix}attn.qkv.weight"], p[f"{prefix}attn.qkv.bias"])
    q, k, v = packed.reshape(batch, tokens, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
    attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
    x = x + F.linear(attended, p[f"{prefix}attn.proj.weight"], p[f"{prefix}attn.proj.bias"])
    normed = F.layer_norm(x, (width,), p[f"{prefix}norm2.weight"], p[f"{prefix}norm2.bias"], EPSILON)
    hidden = F.gelu(F.linear(normed, p[f"{prefix}mlp.fc1.weight"], p[f"{prefix}mlp.fc1.bias"]))
    return x + F.linear(hidden, p[f"{prefix}mlp.fc2.weight"], p[f"{prefix}mlp.fc2.bias"])


def named(shapes):
    """Draws one tensor for each shape."""
    return lambda d: [d.uniform(*shape, low=-0.6, high=0.6) for shape in shapes.values()]


shapes = {"x": (2, 5, WIDTH), **block_shapes()}
family.add(
    "a transformer block", "transformerBlock",
    {"inputNames": list(shapes), "heads": HEADS, "epsilon": EPSILON}, named(shapes),
    lambda *tensors, names=list(shapes): block(tensors[0], dict(zip(names, tensors))),
)

IMAGE, PATCH, DEPTH, CLASSES = 8, 4, 2, 3


def vision_transformer(pooling):
    """Patches, class token and positions, blocks, norm, head."""
    tokens = (IMAGE // PATCH) ** 2 + (1 if pooling == "token" else 0)
    last = "norm" if pooling == "token" else "fc_norm"
    shapes = {
        "x": (2, 3, IMAGE, IMAGE),
        **({"cls_token": (1, 1, WIDTH)} if pooling == "token" else {}),
        "pos_embed": (1, tokens, WIDTH),
        "patch_embed.proj.weight": (WIDTH, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (WIDTH,),
    }
    for depth in range(DEPTH):
        shapes.update(block_shapes(f"blocks.{depth}."))
    shapes.update({
        f"{last}.weight": (WIDTH,),
        f"{last}.bias": (WIDTH,),
        "head.weight": (CLASSES, WIDTH),
        "head.bias": (CLASSES,),
    })

    def compute(*tensors):
        p = dict(zip(shapes, tensors))
        x = F.conv2d(p["x"], p["patch_embed.proj.weight"], p["patch_embed.proj.bias"], stride=PATCH)
        x = x.flatten(2).transpose(1, 2)
        if pooling == "token":
            x = torch.cat([p["cls_token"].expand(x.shape[0], -1, -1), x], 1)
        x = x + p["pos_embed"]
        for depth in range(DEPTH):
            x = block(x, p, f"blocks.{depth}.")
        # timm: the final norm comes before the class token is taken, but after tokens are averaged.
        if pooling == "token":
            x = F.layer_norm(x, (WIDTH,), p["norm.weight"], p["norm.bias"], EPSILON)[:, 0]
        else:
            x = F.layer_norm(x.mean(1), (WIDTH,), p["fc_norm.weight"], p["fc_norm.bias"], EPSILON)
        return F.linear(x, p["head.weight"], p["head.bias"])

    family.add(
        f"a vision transformer, pooling by {pooling}", "visionTransformer",
        {
            "inputNames": list(shapes), "imageSize": IMAGE, "patchSize": PATCH, "width": WIDTH,
            "depth": DEPTH, "heads": HEADS, "hidden": HIDDEN, "classes": CLASSES, "pooling": pooling,
            "epsilon": EPSILON,
        },
        named(shapes), compute,
    )


vision_transformer("token")
vision_transformer("mean")
