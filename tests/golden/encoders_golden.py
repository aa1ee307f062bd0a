"""Writes encoders.json: image encoders as transformers, OpenCLIP and timm compute them, forward and gradient.

    python3 -m venv .venv && .venv/bin/pip install torch==2.13.0 transformers timm open_clip_torch
    .venv/bin/python tests/golden/encoders_golden.py

The true architectures, narrow and shallow, with random weights, in float64. Stored tensors, images and output gradients
have four decimals, so that the decimal text is exactly what PyTorch computed from; results have 15 digits.
Written with PyTorch 2.14.1, transformers 5.24.0, timm 1.0.31, open_clip_torch 3.3.0.
"""

import functools
import json
import pathlib
import tempfile
import zlib

import open_clip
import safetensors.torch
import timm.models.vision_transformer as timm_vit
import torch
import transformers

from golden import encode

torch.set_default_dtype(torch.float64)

WIDTH, HEADS, DEPTH, PATCH, IMAGE = 8, 2, 2, 4, 12
CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
cases = []


def draw(generator, shape, low, high):
    """Uniform numbers of four decimals."""
    values = torch.rand(shape, generator=generator, dtype=torch.float64) * (high - low) + low
    return (values * 1e4).round() / 1e4


def stored(model):
    """Tensors under the names of files: transformers renames some of its own when it writes them."""
    if not isinstance(model, transformers.PreTrainedModel):
        return {key: value.clone() for key, value in model.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return safetensors.torch.load_file(pathlib.Path(folder) / "model.safetensors")


def add(name, naming, model, colours, compute, options, size=(IMAGE, IMAGE)):
    """Fills a model with random weights and records outputs and gradients."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    model = model.double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(draw(generator, parameter.shape, -0.6, 0.6))
    images = torch.randint(0, 256, (2, 3, *size), generator=generator).double().requires_grad_(True)
    mean, deviation = (torch.tensor(each).reshape(1, 3, 1, 1) * 255 for each in colours)
    outputs = compute(model, (images - mean) / deviation)
    gradients = [draw(generator, output.shape, -1, 1) for output in outputs]
    weights = stored(model)
    parameters = list(model.parameters())
    found = torch.autograd.grad(outputs, [images, *parameters], gradients, materialize_grads=True)
    encoded = [encode(output) for output in outputs]
    # A gradient in its parameter's place is stored under the parameter's name.
    with torch.no_grad():
        for parameter, gradient in zip(parameters, found[1:]):
            parameter.copy_(gradient)
    cases.append({
        "name": name,
        "naming": naming,
        "options": {
            "imageSize": IMAGE, "patchSize": PATCH, "width": WIDTH, "depth": DEPTH, "heads": HEADS,
            **options,
        },
        "stored": {key: encode(value) for key, value in weights.items()},
        "images": encode(images),
        "outputs": encoded,
        "outputGradients": [encode(gradient) for gradient in gradients],
        "imageGradient": encode(found[0]),
        "storedGradients": {key: encode(value) for key, value in stored(model).items()},
    })


def hugging_face_clip(activation):
    """A vision tower with its projection."""
    return transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(
        hidden_size=WIDTH, intermediate_size=4 * WIDTH, projection_dim=6, num_hidden_layers=DEPTH,
        num_attention_heads=HEADS, image_size=IMAGE, patch_size=PATCH, hidden_act=activation,
        attn_implementation="sdpa",
    ))


def clip_outputs(interpolate):
    """Features before and after the projection."""
    def compute(model, pixels):
        vision = model.vision_model(pixel_values=pixels, interpolate_pos_encoding=interpolate)
        return [vision.pooler_output, model.visual_projection(vision.pooler_output)]
    return compute


clip_options = {"projection": 6, "activation": "geluQuick"}
add("CLIP of transformers, quick GELU", "hugging-face-clip", hugging_face_clip("quick_gelu"), CLIP,
    clip_outputs(False), clip_options)
add("CLIP of transformers, exact GELU, other image size", "hugging-face-clip",
    hugging_face_clip("gelu"), CLIP, clip_outputs(True),
    {"projection": 6, "activation": "gelu"}, size=(16, 8))


def open_clip_outputs(model, pixels):
    """OpenCLIP's tower returns projected features; those before are taken at its last norm."""
    seen = []
    hook = model.ln_post.register_forward_hook(lambda _m, _i, output: seen.append(output))
    projected = model(pixels)
    hook.remove()
    features = seen[0] if seen[0].ndim == 2 else seen[0][:, 0]
    return [features, projected]


add("CLIP of OpenAI, as OpenCLIP has it", "openai-clip",
    open_clip.transformer.VisionTransformer(
        image_size=IMAGE, patch_size=PATCH, width=WIDTH, layers=DEPTH, heads=HEADS, mlp_ratio=4,
        output_dim=6, act_layer=open_clip.transformer.QuickGELU,
    ), CLIP, open_clip_outputs, clip_options)


def timm_model(**options):
    """timm's vision transformer."""
    return timm_vit.VisionTransformer(
        img_size=IMAGE, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS, **options
    )


def timm_outputs(model, pixels):
    """The read-out."""
    return [model(pixels)]


add("a vision transformer of timm", "timm", timm_model(num_classes=3), IMAGENET, timm_outputs,
    {"classes": 3})
add("CLIP of timm", "timm",
    timm_model(num_classes=0, pre_norm=True, act_layer="quick_gelu",
               norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-5)),
    CLIP, timm_outputs, {"projection": 0, "activation": "geluQuick"})
add("DINOv2 of timm", "timm", timm_model(num_classes=0, init_values=1e-5), IMAGENET, timm_outputs,
    {"classes": 0, "layerScale": 1})


def hugging_face_dinov2():
    """DINOv2 without registers."""
    return transformers.Dinov2Model(transformers.Dinov2Config(
        hidden_size=WIDTH, mlp_ratio=4, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
        image_size=IMAGE, patch_size=PATCH, attn_implementation="sdpa",
    ))


add("DINOv2 of transformers, other image size", "hugging-face-dinov2", hugging_face_dinov2(),
    IMAGENET, lambda model, pixels: [model(pixels).pooler_output], {"classes": 0, "layerScale": 1},
    size=(8, 20))

def hugging_face_dinov2_registers():
    """DINOv2 with registers."""
    return transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(
        hidden_size=WIDTH, mlp_ratio=4, num_hidden_layers=DEPTH, num_attention_heads=HEADS,
        image_size=IMAGE, patch_size=PATCH, num_register_tokens=3, attn_implementation="sdpa",
    ))


registers = {"classes": 0, "layerScale": 1, "registers": 3}
add("DINOv2 with registers of transformers", "hugging-face-dinov2", hugging_face_dinov2_registers(),
    IMAGENET, lambda model, pixels: [model(pixels).pooler_output], registers)
add("DINOv2 with registers of transformers, other image size", "hugging-face-dinov2",
    hugging_face_dinov2_registers(), IMAGENET, lambda model, pixels: [model(pixels).pooler_output],
    registers, size=(8, 20))
add("DINOv2 with registers of timm, other image size", "timm",
    timm_model(num_classes=0, init_values=1e-5, reg_tokens=3, no_embed_class=True,
               dynamic_img_size=True),
    IMAGENET, timm_outputs, {**registers, "classPosition": False}, size=(8, 20))
add("CLIP of timm, other image size", "timm",
    timm_model(num_classes=0, pre_norm=True, act_layer="quick_gelu", dynamic_img_size=True,
               norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-5)),
    CLIP, timm_outputs, {"projection": 0, "activation": "geluQuick"}, size=(8, 20))

path = pathlib.Path(__file__).parent / "encoders.json"
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(f"{len(cases)} cases, {path.stat().st_size} bytes")
