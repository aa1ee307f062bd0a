"""Loads an exported encoder with timm and transformers, strictly, and compares their features.

    deno task export RUN --format safetensors --output timm.safetensors
    deno task export RUN --format safetensors --naming hugging-face-clip --output clip.safetensors
    .venv/bin/python tests/golden/check_export.py timm.safetensors clip.safetensors 112

For a run on clip-vit-b16, whose weights were trained with quick GELU. Every name must match; both libraries must give the same class token.
"""

import sys

import safetensors.torch
import timm
import torch
import transformers

timm_path, clip_path, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
pixels = torch.randn((2, 3, size, size), generator=torch.Generator().manual_seed(0))

theirs = timm.create_model(
    "vit_base_patch16_clip_quickgelu_224.openai", pretrained=False, num_classes=0, img_size=size
).eval()
print("timm:", theirs.load_state_dict(safetensors.torch.load_file(timm_path), strict=True))

config = transformers.CLIPVisionConfig(
    hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
    image_size=size, patch_size=16, hidden_act="quick_gelu",
)
others = transformers.CLIPVisionModel(config).eval()
stored = safetensors.torch.load_file(clip_path)
own = {name.removeprefix("vision_model.") for name in others.state_dict()}
bare = {name.removeprefix("vision_model."): value for name, value in stored.items()}
print("transformers, names missing or left over:", sorted(own ^ set(bare) - {"embeddings.position_ids"}))
prefix = "vision_model." if any(n.startswith("vision_model.") for n in others.state_dict()) else ""
others.load_state_dict({prefix + name: value for name, value in bare.items()}, strict=False)

with torch.no_grad():
    first = theirs(pixels)
    second = others(pixel_values=pixels).pooler_output
print("largest difference over largest feature:",
      float((first - second).abs().max() / first.abs().max()))
