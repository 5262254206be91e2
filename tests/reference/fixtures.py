"""Writes the fixtures of the Rust tests: `python fixtures.py [DIRECTORY]`; see README.md.

A fixture is a directory. `weights.safetensors` is a `state_dict()`. `values.safetensors` contains
inputs and PyTorch's outputs, and under `grad.` the gradient of the loss for every weight. Weights
and inputs are float32 values; everything is computed in float64 and stored as float32. Random
numbers come from numpy's RandomState, whose streams never change. So every machine writes the same
values, to about the last bit.
"""

import json
import math
import pathlib
import struct
import sys

import numpy as np
import torch
from torch import nn

from model import Attention, Dynamics, Lam, Quantizer, Stack, Tokenizer

# Two rows of three patches, so that exchanged rows and columns are noticed.
SIZE, PATCH = (4, 6), 2
ENCODER = dict(layers=1, d=8, heads=2)
DECODER = dict(layers=1, d=12, heads=3)


class Draw:
    """Random numbers from a seed, as exact float32 values."""

    def __init__(self, seed):
        self.state = np.random.RandomState(seed)

    def normal(self, *shape):
        return torch.tensor(self.state.normal(size=shape).astype(np.float32)).double()

    def integers(self, below, *shape):
        return torch.tensor(self.state.randint(0, below, size=shape))

    def frames(self, b, t):
        """Bytes of frames. About half of the values change from one frame to the next."""
        frames = self.integers(256, b, t, *SIZE, 3)
        still = self.integers(2, b, t, *SIZE, 3).bool()
        for frame in range(1, t):
            frames[:, frame] = torch.where(still[:, frame], frames[:, frame - 1], frames[:, frame])
        return frames

    def fill(self, module):
        """Sets different nonzero weights that keep the scale of activations."""
        for name, parameter in module.named_parameters():
            noise = self.normal(*parameter.shape)
            scales = parameter.ndim == 1 and name.endswith("weight")
            matrix = parameter.ndim == 2 and name.endswith("weight")
            spread = (
                1 / math.sqrt(parameter.shape[1]) if matrix else 0.3 if parameter.ndim == 1 else 0.7
            )
            values = noise * spread + (1 if scales else 0)
            parameter.data = values.float().double()
        return module.train()


def write(path, tensors):
    """Writes a safetensors file: length of the header, header as JSON, bytes."""
    kinds = {
        torch.float64: ("F32", np.float32),
        torch.int64: ("I64", np.int64),
        torch.uint8: ("U8", np.uint8),
    }
    header, blobs, at = {}, [], 0
    for name, tensor in tensors.items():
        kind, type_ = kinds[tensor.dtype]
        blob = np.ascontiguousarray(tensor.detach().numpy().astype(type_)).tobytes()
        header[name] = {
            "dtype": kind,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(blob)],
        }
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read(path):
    bytes_ = path.read_bytes()
    (length,) = struct.unpack("<Q", bytes_[:8])
    types = {"F32": np.float32, "I64": np.int64, "U8": np.uint8}
    for name, entry in json.loads(bytes_[8 : 8 + length]).items():
        first, last = (8 + length + at for at in entry["data_offsets"])
        yield name, np.frombuffer(bytes_[first:last], types[entry["dtype"]]).reshape(entry["shape"])


def gradients(module):
    """Gradients of all trained weights, and the names of those that are zero by the equations.

    Such a gradient is only rounding error, and is written as 0.
    """
    grads = {
        name: parameter.grad
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }
    largest = max(grad.abs().max() for grad in grads.values())
    zero = [name for name, grad in grads.items() if grad.abs().max() < 1e-10 * largest]
    small = [
        name
        for name, grad in grads.items()
        if grad.abs().max() < 1e-4 * largest and name not in zero
    ]
    assert not small, f"gradients are too small to compare: {small}"
    return {
        f"grad.{name}": torch.zeros_like(grad) if name in zero else grad
        for name, grad in grads.items()
    }, zero


def fixtures():
    """Yields (name, module, values)."""
    for name, qk_norm, causal in [
        ("attention", False, False),
        ("attention_causal", False, True),
        ("attention_qk_norm", True, True),
    ]:
        draw = Draw(1)
        module = draw.fill(Attention(12, 3, qk_norm))
        # Spatial attention works within a frame, temporal attention over the times of a position.
        x, cotangent = draw.normal(2, 4, 5, 12).requires_grad_(), draw.normal(2, 4, 5, 12)
        out = module(x.transpose(1, 2), True).transpose(1, 2) if causal else module(x, False)
        (out * cotangent).sum().backward()
        yield name, module, dict(x=x, cotangent=cotangent, out=out, grad_x=x.grad)

    draw = Draw(2)
    module = draw.fill(Stack(layers=2, d=8, heads=2, qk_norm=True))
    x, cotangent = draw.normal(2, 4, 5, 8).requires_grad_(), draw.normal(2, 4, 5, 8)
    out = module(x)
    (out * cotangent).sum().backward()
    yield "stack", module, dict(x=x, cotangent=cotangent, out=out, grad_x=x.grad)

    kinds = [
        ("vq", dict(codes=16, latent=4, usage=0.3)),
        ("vq_plain", dict(codes=16, latent=4)),
        ("fsq", dict(levels=[4, 3, 2], usage=0.3)),
        ("fsq_centred", dict(levels=[4, 3, 2], usage=0.3, centre=True)),
    ]
    for name, options in kinds:
        draw = Draw(3)
        module = draw.fill(Quantizer(8, **options))
        x, cotangent = (
            draw.normal(20, 8).requires_grad_(),
            draw.normal(20, module.project.out_features),
        )
        embedded, codes, loss = module(x)
        ((embedded * cotangent).mean() + loss).backward()
        values = dict(
            x=x, cotangent=cotangent, embedded=embedded, codes=codes, loss=loss, grad_x=x.grad
        )
        if options.get("centre"):
            with torch.no_grad():
                values["codes_by_running_mean"] = module.eval()(x)[1]
        yield name, module, values

    kinds = [
        ("tokenizer_vq", dict(codes=16, latent=4), 1.0),
        ("tokenizer_fsq", dict(levels=[4, 3, 2], usage=0.3), 4.0),
    ]
    for name, quantizer, weight in kinds:
        draw = Draw(4)
        module = draw.fill(
            Tokenizer(
                ENCODER,
                DECODER,
                quantizer,
                frames=3,
                size=SIZE,
                patch=PATCH,
                changed_pixel_weight=weight,
            )
        )
        frames = draw.frames(2, 3)
        codes, pixels, loss = module(frames / 255)
        loss.backward()
        yield name, module, dict(frames=frames.byte(), codes=codes, pixels=pixels, loss=loss)

    still = dict(temporal=False)
    paper = dict(pairs=False, given=1, change=False, pool="mean", changed_pixel_weight=1.0)
    default = dict(pairs=True, given=2, change=True, pool="max", changed_pixel_weight=10.0)
    convolution = dict(reads="convolution", convolutions=dict(channels=[5, 7], strides=[1, 2]))
    centred = dict(levels=[2, 2, 2], usage=0.3, centre=True)
    kinds = [
        ("lam_paper", {}, dict(codes=6, latent=4), paper),
        ("lam_default", still, centred, default),
        ("lam_convolution", still, centred, {**default, **convolution}),
        ("lam_components", still, dict(levels=[3, 3]), {**default, "reads": "components"}),
    ]
    for name, stacks, quantizer, options in kinds:
        draw = Draw(5)
        module = draw.fill(
            Lam(
                {**ENCODER, **stacks},
                {**DECODER, **stacks},
                quantizer,
                frames=4,
                size=SIZE,
                patch=PATCH,
                **options,
            )
        )
        if name == "lam_components":
            # So large that all three levels occur.
            module.quantizer.project.weight *= 8
        frames = draw.frames(3, 4)
        codes, predicted, loss = module(frames / 255)
        loss.backward()
        yield name, module, dict(frames=frames.byte(), codes=codes, predicted=predicted, loss=loss)

    kinds = [
        ("dynamics_prepend", True, "position", True, None),
        ("dynamics_add", False, "none", False, None),
        ("dynamics_parts", False, "none", False, [3, 2]),
        ("dynamics_neighbourhood", False, "neighbourhood", False, None),
    ]
    for name, prepend, previous, qk_norm, parts in kinds:
        draw = Draw(6)
        b, t, s, columns, codes = 2, 4, 6, 3, 10
        actions = math.prod(parts) if parts else 3
        stack = dict(layers=1, d=8, heads=2, qk_norm=qk_norm)
        module = draw.fill(
            Dynamics(stack, t, s, columns, codes, actions, prepend, previous, parts)
        )
        tokens, led = draw.integers(codes, b, t, s), draw.integers(actions, b, t - 1)
        # Some tokens do not change, so that both weights occur.
        still = draw.integers(2, b, t, s).bool()
        for frame in range(1, t):
            tokens[:, frame] = torch.where(still[:, frame], tokens[:, frame - 1], tokens[:, frame])
        masked = draw.integers(3, b, t, s) > 0
        masked[:, 0] = False
        loss = module.loss(tokens, masked, led, 5.0)
        loss.backward()
        logits = module(tokens, masked, led)
        yield (
            name,
            module,
            dict(tokens=tokens, masked=masked.long(), actions=led, logits=logits, loss=loss),
        )

    # The paper's optimizer, and one with a decay that is large enough to show in the weights. The
    # strong clipping makes an epsilon other than 1e-8, or an epsilon under the root, show too.
    for name, decay, limit in [("adamw", 1e-4, 1e-4), ("adamw_decay", 0.3, 1e9)]:
        draw = Draw(7)
        module = draw.fill(nn.Linear(6, 4))
        optimizer = torch.optim.AdamW(
            module.parameters(), lr=0.01, betas=(0.9, 0.9), eps=1e-8, weight_decay=decay
        )
        values, begun = (
            {},
            {name: parameter.detach().clone() for name, parameter in module.named_parameters()},
        )
        for step in range(3):
            x, cotangent = draw.normal(5, 6), draw.normal(5, 4)
            before = {
                name: parameter.detach().clone() for name, parameter in module.named_parameters()
            }
            optimizer.zero_grad()
            (module(x).tanh() * cotangent).sum().backward()
            norm = nn.utils.clip_grad_norm_(module.parameters(), limit)
            optimizer.step()
            moves = {
                f"{key}_move{step}": parameter.detach() - before[key]
                for key, parameter in module.named_parameters()
            }
            values |= {f"x{step}": x, f"cotangent{step}": cotangent, f"norm{step}": norm, **moves}
        module.load_state_dict(begun)
        yield name, module, values


def difference(before, after):
    """Describes the difference between the values of two files."""
    shapes = lambda values: {name: value.shape for name, value in values.items()}
    if shapes(before) != shapes(after):
        return "the tensors have other names or shapes than before"
    off = max(
        np.abs(after[name] - value).max() / max(np.abs(value).max(), 1e-30)
        for name, value in before.items()
    )
    return f"differs by {off:.0e} of the largest value" if off else "unchanged"


def main():
    torch.set_default_dtype(torch.float64)
    place = pathlib.Path(
        sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "fixtures"
    )
    for name, module, values in fixtures():
        zero = []
        if not name.startswith("adamw"):
            grads, zero = gradients(module)
            values = {**values, **grads}
        said = ["zero by the equations: " + ", ".join(zero)] if zero else []
        for file, tensors in [("weights", module.state_dict()), ("values", values)]:
            path = place / name / f"{file}.safetensors"
            before = dict(read(path)) if path.exists() else None
            write(path, tensors)
            said.append(
                f"{file} " + ("new" if before is None else difference(before, dict(read(path))))
            )
        print(f"{name}: {'; '.join(said)}")


if __name__ == "__main__":
    main()
