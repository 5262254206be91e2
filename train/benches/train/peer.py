"""A training step of each model in PyTorch, for `make bench-train`: eager and compiled, on random data of the config's sizes.

stdin: one JSON object (see main.rs). stdout: one JSON object a variant, {"variant": "eager", "seconds": median of the steps}.
"""

import json
import pathlib
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tests/reference"))
import model  # noqa: E402

# What the fixtures need is in the way of a compiler, and costs time.
model.apart = lambda margins: None


class ConvolutionLam(model.Lam):
    """The latent action model that reads by convolution."""

    def __init__(self, channels, strides, size, **rest):
        super().__init__(size=size, **rest)
        inputs = [6, *channels[:-1]]
        layers = zip(inputs, channels, strides)
        self.layers = nn.ModuleList(nn.Conv2d(i, o, 3, stride, 1) for i, o, stride in layers)
        self.size = size
        self.encoder = self.encoder_positions = self.embed = None
        self.quantizer = model.Quantizer(channels[-1], **rest["quantizer"])

    def infer(self, patches):
        b, t, _, _ = patches.shape
        p, (h, w) = self.patch, self.size
        pixels = patches.reshape(b, t, h // p, w // p, p, p, 3).permute(0, 1, 6, 2, 4, 3, 5).reshape(b, t, 3, h, w)
        x = torch.cat([pixels[:, :-1], pixels[:, 1:]], 2).flatten(0, 1)
        for index, layer in enumerate(self.layers):
            x = layer(F.gelu(x) if index else x)
        embedded, codes, loss = self.quantizer(x.amax((2, 3)))
        return embedded.unflatten(0, (b, t - 1)), codes.unflatten(0, (b, t - 1)), loss


def tokenizer(task):
    net = model.Tokenizer(**task["model"])
    frames = torch.rand(task["batch"], task["span"], *task["model"]["size"], 3)
    return net, lambda: net(frames)[2]


def lam(task):
    net = ConvolutionLam(**task["convolutions"], **task["model"]) if task["convolutions"] else model.Lam(**task["model"])
    frames = torch.rand(task["batch"], task["model"]["frames"], *task["model"]["size"], 3)
    return net, lambda: net(frames)[2]


def dynamics(task):
    net, sizes = model.Dynamics(**task["model"]), task["model"]
    shape = (task["batch"], sizes["frames"], sizes["positions"])
    tokens = torch.randint(sizes["codes"], shape)
    actions = torch.randint(sizes["actions"], (shape[0], shape[1] - 1))
    masked = torch.rand(shape) < task["masked"]
    masked[:, 0] = False
    before = F.pad(tokens[:, :-1], (0, 0, 1, 0), value=-1)
    weights = torch.where(tokens != before, 5.0, 1.0)[masked]
    # Logits of masked tokens only, as ours; gathered by index, which a compiler can follow.
    rows, targets = masked.flatten().nonzero().squeeze(1), tokens[masked]
    logits, net.logits = net.logits, nn.Identity()
    net.head = logits

    def loss():
        hidden = net(tokens, masked, actions).flatten(0, 2)[rows]
        return (F.cross_entropy(net.head(hidden), targets, reduction="none") * weights).sum() / weights.sum()

    return net, loss


def optimizers(net, kind):
    in_block = [p for name, p in net.named_parameters() if "blocks" in name and p.dim() == 2 and p.requires_grad]
    if kind == "adamw":
        in_block = []
    known = {id(p) for p in in_block}
    rest = [p for p in net.parameters() if id(p) not in known and p.requires_grad]
    both = [torch.optim.AdamW(rest, lr=1e-3, betas=(0.9, 0.9), weight_decay=1e-4)]
    if in_block:
        both.append(torch.optim.Muon(in_block, lr=1e-2))
    return both


def measure(net, loss, task):
    steps = optimizers(net, task["optimizer"])
    times = []
    for _ in range(task["warm"] + task["steps"]):
        began = time.perf_counter()
        loss().backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for optimizer in steps:
            optimizer.step()
            optimizer.zero_grad()
        times.append(time.perf_counter() - began)
    return statistics.median(times[task["warm"] :])


def main():
    task = json.load(sys.stdin)
    torch.manual_seed(0)
    torch.set_num_threads(task["threads"])
    for variant in ("eager", "compiled"):
        net, loss = {"tokenizer": tokenizer, "lam": lam, "dynamics": dynamics}[task["kind"]](task)
        with torch.no_grad():
            for p in net.parameters():
                p.normal_(0, 0.05)
        net.train()
        if variant == "compiled":
            loss = torch.compile(loss)
        print(json.dumps({"variant": variant, "seconds": measure(net, loss, task)}), flush=True)


main()
