"""Writes the fixtures of LPIPS: lpips.json and tied.pt.

    python3 tests/reference/lpips.py        (needs NumPy and PyTorch)

The tests of LPIPS in libs/model compare with them. The network is written here again, in float64,
from the paper and from torchvision's AlexNet. Its weights and the frames are not stored: Python and
Rust compute them with the same integer hash of a name and a position.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

from made_up import uniform

HERE = pathlib.Path(__file__).parent
# Name, kernel, stride, padding, channels, and whether pooling comes before the layer.
LAYERS = (
    ("net.slice1.0", 11, 4, 2, 64, False),
    ("net.slice2.3", 5, 1, 2, 192, True),
    ("net.slice3.6", 3, 1, 1, 384, True),
    ("net.slice4.8", 3, 1, 1, 256, False),
    ("net.slice5.10", 3, 1, 1, 256, False),
)


def weight(name, *shape):
    values = uniform(name, int(np.prod(shape)))
    if name.startswith("lin"):
        values = (values + 1) / 2
    elif name.endswith("weight"):
        values = values * np.sqrt(6 / np.prod(shape[1:]))
    else:
        values = values / 2
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


def frame(name, height, width):
    return (
        np.floor((uniform(name, height * width * 3) + 1) * 128)
        .astype(np.uint8)
        .reshape(height, width, 3)
    )


def lpips(one, other):
    """The LPIPS distance of two frames `[h, w, 3]` of bytes."""
    x = torch.from_numpy(np.stack([one, other]).astype(np.float64)).permute(0, 3, 1, 2) / 127.5 - 1
    shift, scale = torch.tensor(
        [[-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]], dtype=torch.float64
    )[:, None, :, None, None]
    x = (x - shift) / scale
    total = 0.0
    for number, (name, kernel, stride, padding, channels, pooled) in enumerate(LAYERS):
        if pooled:
            x = F.max_pool2d(x, 3, 2)
        kernels = weight(f"{name}.weight", channels, x.shape[1], kernel, kernel)
        x = F.relu(
            F.conv2d(x, kernels, weight(f"{name}.bias", channels), stride=stride, padding=padding)
        )
        unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
        apart = (unit[0] - unit[1]).square()
        judged = weight(f"lin{number}.model.1.weight", 1, channels, 1, 1)
        total += F.conv2d(apart[None], judged).mean().item()
    return total


def main():
    torch.set_grad_enabled(False)
    cases = []
    for height, width in ((31, 31), (37, 52), (64, 64)):
        one, other = frame("one", height, width), frame("other", height, width)
        # Every share-th byte comes from the other frame.
        for share in (1, 7, 50):
            mixed = one.copy()
            mixed.ravel()[::share] = other.ravel()[::share]
            cases.append(
                {"height": height, "width": width, "share": share, "distance": lpips(one, mixed)}
            )
    (HERE / "lpips.json").write_text(
        "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n"
    )

    # The package's state dict contains its last layers twice, with the same storage.
    layer = torch.nn.Conv2d(2, 1, 1, bias=False)
    layer.weight.copy_(torch.tensor([0.25, 3.0]).reshape(1, 2, 1, 1))
    model = torch.nn.Module()
    model.lin0 = torch.nn.Module()
    model.lin0.model = torch.nn.Sequential(torch.nn.Dropout(), layer)
    model.lins = torch.nn.ModuleList([model.lin0])
    torch.save(model.state_dict(), HERE / "tied.pt")


main()
