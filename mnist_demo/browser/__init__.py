"""What runs in the browser: the inference engine's script, and models as files for it.

`preprocess/strokes.py`, `models.py` and `classifier.py` are the reference; tests compare the two.
"""

import base64
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from mnist_demo.classifier import Classifier
from mnist_demo.models import CosineConv, Dropout, fuse_for_inference

FILE_VERSION = "1"  # of weights files
SCRIPTS = ("network.js", "preprocess.js", "classifier.js")
KERNELS = ("gemm.wasm", "gemm_simd.wasm")  # fastest first
FOLDER = Path(__file__).parent


def engine_script() -> str:
    """Return the script of the worker that predicts: the kernels' bytes, then the scripts, in one scope."""
    kernels = [base64.b64encode((FOLDER / name).read_bytes()).decode() for name in KERNELS]
    scripts = [(FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join([f"const KERNELS = {json.dumps(kernels)}; // gemm.wat, assembled", *scripts])


def to_weights_file(classifier: Classifier, dtype: torch.dtype = torch.float16) -> bytes:
    """Return a model as a safetensors file: its weights as `dtype`, its layers and calibration as JSON in the header.

    The model's layers must be of the kinds in `models.MODELS`.
    """
    model = fuse_for_inference(classifier.model)  # type: ignore[arg-type]  # all are Sequential
    weights: dict[str, Tensor] = {}
    layers: list[dict[str, Any]] = []
    for i, layer in enumerate(model):
        if isinstance(layer, nn.ReLU) and layers[-1]["type"] in ("conv", "linear"):
            layers[-1]["relu"] = True  # the kernel computes it at no cost
        elif described := _describe(layer, str(i), weights):
            layers.append(described)
    calibration = {"temperature": classifier.calibration.temperature, "threshold": classifier.calibration.threshold}
    header = {"version": FILE_VERSION, "layers": json.dumps(layers), "calibration": json.dumps(calibration)}
    return save({name: tensor.detach().to(dtype).contiguous() for name, tensor in weights.items()}, header)


def _describe(layer: nn.Module, name: str, weights: dict[str, Tensor]) -> dict[str, Any] | None:
    """Return a layer as the engine's network.js knows it, and add its tensors to `weights`; None if it does nothing."""

    def add(**tensors: Tensor | None) -> dict[str, str]:
        present = {role: tensor for role, tensor in tensors.items() if tensor is not None}
        weights.update({f"{name}.{role}": tensor for role, tensor in present.items()})
        return {role: f"{name}.{role}" for role in present}

    match layer:
        case nn.Conv2d(weight=weight, bias=bias, stride=(stride, _), padding=(padding, _)):
            return {"type": "conv", "stride": stride, "padding": padding, "tensors": add(weight=weight, bias=bias)}
        case CosineConv(filters=filters, stride=stride):
            return {"type": "conv", "stride": stride, "padding": 0, "tensors": add(weight=filters)}
        case nn.Linear(weight=weight, bias=bias):
            return {"type": "linear", "tensors": add(weight=weight, bias=bias)}
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            assert layer.running_mean is not None and layer.running_var is not None
            scale = layer.weight / torch.sqrt(layer.running_var + layer.eps)
            return {"type": "affine", "tensors": add(weight=scale, bias=layer.bias - layer.running_mean * scale)}
        case nn.MaxPool2d(kernel_size=size, stride=stride):
            return {"type": "max_pool", "size": size, "stride": stride}
        case nn.ZeroPad2d(padding=(margin, *_)):
            return {"type": "crop", "margin": -margin}
        case nn.ReLU():
            return {"type": "relu"}
        case nn.Sigmoid():
            return {"type": "sigmoid"}
        case nn.Flatten():
            return {"type": "flatten"}
        case Dropout():
            return None
    raise TypeError(f"The engine has no layer {type(layer).__name__}.")
