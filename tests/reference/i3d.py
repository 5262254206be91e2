"""Writes the fixtures of I3D: i3d.json, resize.json, state_dict.pt and torchscript.pt.

    python3 tests/reference/i3d.py        (needs NumPy and PyTorch)

The tests of I3D in libs/model compare with them. The network is written here again, in float64,
from the paper and from DeepMind's graph. Its weights and the clip are not stored: Python and Rust
compute them with the same integer hash of a name and a position.
"""

import json
import pathlib
import struct

import numpy as np
import torch
import torch.nn.functional as F

from made_up import uniform

HERE = pathlib.Path(__file__).parent
WIDTHS = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}


def weight(name, *shape):
    values = uniform(name, int(np.prod(shape)))
    if name.endswith("conv3d.weight"):
        values = values * np.sqrt(6 / np.prod(shape[1:]))
    elif name.endswith(("bn.weight", "running_var")):
        values = 1 + values / 2
    elif name.endswith("running_mean"):
        values = values / 8
    else:
        values = values / 2
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


def padded(x, kernel, stride, value):
    pads = []
    for length, k, s in reversed(list(zip(x.shape[2:], kernel, stride))):
        total = max((-(-length // s) - 1) * s + k - length, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=value)


def unit(x, name, outputs, kernel, stride=1, epsilon=1e-3):
    kernel, stride = (kernel,) * 3, (stride,) * 3
    x = F.conv3d(
        padded(x, kernel, stride, 0.0),
        weight(f"{name}.conv3d.weight", outputs, x.shape[1], *kernel),
        stride=stride,
    )
    part = lambda part: weight(f"{name}.bn.{part}", outputs)
    return F.relu(
        F.batch_norm(
            x, part("running_mean"), part("running_var"), part("weight"), part("bias"), eps=epsilon
        )
    )


def pool(x, kernel, stride):
    return F.max_pool3d(padded(x, kernel, stride, -torch.inf), kernel, stride)


def block(x, name, epsilon):
    inputs, b0, b1a, b1b, b2a, b2b, b3b = WIDTHS[name]
    assert x.shape[1] == inputs
    part = lambda x, part, outputs, kernel: unit(
        x, f"Mixed_{name}.{part}", outputs, kernel, epsilon=epsilon
    )
    return torch.cat(
        [
            part(x, "b0", b0, 1),
            part(part(x, "b1a", b1a, 1), "b1b", b1b, 3),
            part(part(x, "b2a", b2a, 1), "b2b", b2b, 3),
            part(pool(x, (3, 3, 3), (1, 1, 1)), "b3b", b3b, 1),
        ],
        1,
    )


def i3d(x, epsilon):
    x = unit(x, "Conv3d_1a_7x7", 64, 7, 2, epsilon)
    x = pool(x, (1, 3, 3), (1, 2, 2))
    x = unit(x, "Conv3d_2b_1x1", 64, 1, epsilon=epsilon)
    x = unit(x, "Conv3d_2c_3x3", 192, 3, epsilon=epsilon)
    x = pool(x, (1, 3, 3), (1, 2, 2))
    x = block(block(x, "3b", epsilon), "3c", epsilon)
    x = pool(x, (3, 3, 3), (2, 2, 2))
    for name in ("4b", "4c", "4d", "4e", "4f"):
        x = block(x, name, epsilon)
    x = pool(x, (2, 2, 2), (2, 2, 2))
    x = block(block(x, "5b", epsilon), "5c", epsilon)
    x = F.avg_pool3d(x, (2, 7, 7), 1)
    x = F.conv3d(
        x, weight("logits.conv3d.weight", 400, 1024, 1, 1, 1), weight("logits.conv3d.bias", 400)
    )
    return x.squeeze(4).squeeze(3).mean(2)


def clip(name, frames, height, width):
    return (
        np.floor((uniform(name, frames * height * width * 3) + 1) * 128)
        .astype(np.uint8)
        .reshape(frames, height, width, 3)
    )


def legacy(channels, side):
    """TensorFlow 1's resize_bilinear(align_corners=False), without half-pixel centres."""

    def along(x, axis):
        at = np.arange(side) * (x.shape[axis] / side)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        share = (at - low).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        return x.take(low, axis) * (1 - share) + x.take(high, axis) * share

    return torch.from_numpy(along(along(channels.numpy(), 2), 3))


def prepared(frames, preset, side):
    """Bytes `[t, h, w, 3]` to `[1, 3, t, side, side]`."""
    channels = torch.from_numpy(frames.astype(np.float64)).permute(0, 3, 1, 2)
    if preset == "videogpt":
        height, width = channels.shape[2:]
        ratio = side / min(height, width)
        ceil = lambda length: int(np.ceil(length * ratio))
        size = (side, ceil(width)) if height < width else (ceil(height), side)
        x = F.interpolate(channels / 255, size=size, mode="bilinear", align_corners=False)
        top, left = (size[0] - side) // 2, (size[1] - side) // 2
        x = x[:, :, top : top + side, left : left + side] - 0.5
    elif preset == "tf1-legacy":
        x = 2 * legacy(channels, side) / 255 - 1
    else:
        x = (
            2
            * F.interpolate(channels, size=(side, side), mode="bilinear", align_corners=False)
            / 255
            - 1
        )
    return x.permute(1, 0, 2, 3)[None]


def masked_crc32c(data):
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def main():
    torch.set_grad_enabled(False)
    frames, height, width = 10, 20, 28
    pixels = clip("clip", frames, height, width)
    logits = {
        preset: i3d(prepared(pixels, preset, 224), epsilon)[0].tolist()
        for preset, epsilon in (("default", 1e-3), ("videogpt", 1e-5))
    }
    sums = {}
    for name, shape in (
        ("Mixed_3b.b2b.conv3d.weight", (32, 16, 3, 3, 3)),
        ("Conv3d_1a_7x7.bn.bias", (64,)),
    ):
        values = weight(name, *shape).numpy().astype("<f4")
        sums[name] = masked_crc32c(
            (values.transpose(2, 3, 4, 1, 0) if values.ndim == 5 else values).tobytes()
        )
    rounded = {
        preset: [float(f"{value:.9g}") for value in values] for preset, values in logits.items()
    }
    text = json.dumps(
        {"frames": frames, "height": height, "width": width, "logits": rounded, "checksums": sums}
    )
    (HERE / "i3d.json").write_text(text.replace("], ", "],\n") + "\n")

    side, cases = 6, []
    for height, width in ((4, 7), (13, 9), (5, 5)):
        for preset in ("default", "tf1-legacy", "styleganv", "videogpt"):
            values = prepared(clip("resize", 2, height, width), preset, side).ravel().tolist()
            values = [float(f"{value:.8f}") for value in values]
            cases.append(
                {
                    "preset": preset,
                    "height": height,
                    "width": width,
                    "side": side,
                    "frames": 2,
                    "values": values,
                }
            )
    (HERE / "resize.json").write_text(
        "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n"
    )

    # A name with a gap in its numbers (no branch_3.0 has weights), an integer, a float16.
    tensors = {
        "mixed_3b.branch_3.1.conv3d.weight": torch.arange(6, dtype=torch.float32).reshape(3, 2),
        "mixed_3b.branch_3.1.batch3d.num_batches_tracked": torch.tensor(7),
        "module.logits.conv3d.bias": torch.tensor([0.5, -2.0], dtype=torch.float16),
    }
    torch.save(tensors, HERE / "state_dict.pt")
    torch.jit.script(torch.nn.Identity()).save(str(HERE / "torchscript.pt"))


main()
