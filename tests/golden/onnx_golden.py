"""Writes onnx_weights.json: small ONNX files, as text, and the weights that they hold, by NumPy.

    python3 -m venv .venv && .venv/bin/pip install torch==2.13.0 transformers onnx onnxruntime
    .venv/bin/python tests/golden/onnx_golden.py

Written with onnx 1.23.2, onnxruntime 1.32.0.
"""

import base64
import json
import pathlib
import tempfile

import numpy
import onnx
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

torch.manual_seed(0)
random = numpy.random.default_rng(0)
cases = []


def add(name, model, weights):
    """Records a file and what is in it; weights in PyTorch's layout."""
    cases.append({
        "name": name,
        "file": base64.b64encode(model.SerializeToString()).decode(),
        "weights": {
            key: {"shape": list(value.shape), "data": numpy.asarray(value, "float64").ravel().tolist()}
            for key, value in weights.items()
        },
    })


class Features(torch.nn.Module):
    """A CLIP image tower's projected features."""

    def __init__(self):
        super().__init__()
        clip = transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(
            hidden_size=8, intermediate_size=16, projection_dim=6, num_hidden_layers=1,
            num_attention_heads=2, image_size=8, patch_size=4, attn_implementation="eager",
        ))
        self.vision_model, self.visual_projection = clip.vision_model, clip.visual_projection

    def forward(self, pixels):
        """[batch, 3, 8, 8] to [batch, 6]."""
        return self.visual_projection(self.vision_model(pixel_values=pixels).pooler_output)


def exported():
    """A model as torch writes it, and its weights."""
    model = Features().eval()
    for parameter in model.parameters():  # equal tensors would be stored once
        parameter.uniform_(-0.6, 0.6)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.onnx"
        torch.onnx.export(model, torch.zeros(1, 3, 8, 8), path, opset_version=14, dynamo=False)
        return onnx.load(path), {k: v.numpy() for k, v in model.named_parameters()}


def quantized(model, per_channel, kind):
    """A model after onnxruntime's dynamic quantization."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = pathlib.Path(folder) / "a.onnx", pathlib.Path(folder) / "b.onnx"
        onnx.save(model, before)
        quantize_dynamic(before, after, per_channel=per_channel, weight_type=kind,
                         op_types_to_quantize=["MatMul"])
        return onnx.load(after)


def dequantized(model, weights):
    """The weights with those replaced that the quantized model holds as whole numbers."""
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    result = dict(weights)
    for node in model.graph.node:
        if node.op_type == "MatMulInteger" and node.input[1] in stored:
            scale = stored[node.input[1].replace("_quantized", "_scale")]
            whole = stored[node.input[1]].astype("float32") - stored[node.input[3]].astype("float32")
            module = node.name.strip("/").replace("/MatMul_quant", "").replace("/", ".")
            result[f"{module}.weight"] = (whole * scale).T
    return result


with torch.no_grad():
    float_model, float_weights = exported()
    float_weights = {key: value.copy() for key, value in float_weights.items()}
add("a CLIP tower as torch exports it", float_model, float_weights)
for per_channel, kind in ((True, QuantType.QInt8), (False, QuantType.QUInt8)):
    model = quantized(float_model, per_channel, kind)
    title = "INT8, a scale for each column" if per_channel else "UINT8, one scale for all"
    add(f"a CLIP tower in {title}", model, dequantized(model, float_weights))

# By hand: what exporters other than torch write.
rows = random.integers(0, 256, (3, 4)).astype("uint8")
scales, zeros = random.random(3).astype("float32"), random.integers(0, 256, 3).astype("uint8")
whole = random.integers(-128, 128, (4, 2)).astype("int8")
half = random.random((2, 3)).astype("float16")
gemm = random.random((5, 2)).astype("float32")
plain = random.random((2, 2)).astype("float32")
graph = helper.make_graph(
    [
        helper.make_node("DequantizeLinear", ["rows", "scales", "zeros"], ["dequantized"], axis=0),
        helper.make_node("DequantizeLinear", ["onnx::MatMul_7_quantized", "one"], ["second"]),
        helper.make_node("MatMul", ["dequantized", "second"], ["third"], name="/blocks/blocks.0/fc/MatMul"),
        helper.make_node("Gemm", ["third", "onnx::Gemm_9"], ["fourth"], name="/head/Gemm", transB=1),
        helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(half)),
        helper.make_node("Constant", [], ["three"], value=helper.make_tensor("", TensorProto.INT64, [1], [3])),
        helper.make_node("Constant", [], ["factor"], value=helper.make_tensor("", TensorProto.FLOAT, [], [1.702])),
    ],
    "by hand", [], [helper.make_tensor_value_info("fourth", TensorProto.FLOAT, [3, 5])],
    [
        numpy_helper.from_array(rows, "rows"),
        numpy_helper.from_array(scales, "scales"),
        numpy_helper.from_array(zeros, "zeros"),
        numpy_helper.from_array(whole, "onnx::MatMul_7_quantized"),
        numpy_helper.from_array(numpy.float32(0.25).reshape(()), "one"),
        numpy_helper.from_array(gemm, "onnx::Gemm_9"),
        helper.make_tensor("listed", TensorProto.FLOAT, plain.shape, plain.ravel()),
    ],
)
add("a file made by hand", helper.make_model(graph), {
    "rows": (rows.astype("float32") - zeros[:, None].astype("float32")) * scales[:, None],
    "blocks.0.fc.weight": (whole.astype("float32") * 0.25).T,
    "head.weight": gemm,
    "half": half.astype("float32"),
    "listed": plain,
})

path = pathlib.Path(__file__).parent / "onnx_weights.json"
path.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(f"{len(cases)} cases, {path.stat().st_size} bytes")
