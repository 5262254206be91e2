"""Training steps of each model, and encoding, in PyTorch, for `make bench-train`.

PyTorch runs eagerly or compiled, on random data with the sizes of a config.

stdin is one JSON object (see peer.rs). stdout is one JSON object per group of steps,
{"seconds": mean time per step}, and a last one, {"peak_bytes": peak memory}. The peak is the memory
that PyTorch's allocator held of a GPU, or the resident set of the process.
"""

import json
import pathlib
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

import model  # tests/reference/model.py; the benchmark copies it beside this file

# Only the fixtures need it. It costs time, and a compiler cannot follow it.
model.apart = lambda margins: None


def attention(self, x, causal):
    """The reference's attention with frames and windows in one axis.

    PyTorch's fast kernels accept at most four axes.
    """
    query, key, value = (
        part.unflatten(-1, (self.heads, -1)).transpose(-2, -3).flatten(0, 1)
        for part in self.qkv(self.norm(x)).chunk(3, -1)
    )
    query, key = self.query_norm(query), self.key_norm(key)
    mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
    return self.output(mixed.transpose(-2, -3).flatten(-2).unflatten(0, x.shape[:2]))


model.Attention.forward = attention


class ConvolutionLam(model.Lam):
    """The latent action model with a convolutional encoder."""

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
        pixels = patches.reshape(b, t, h // p, w // p, p, p, 3)
        pixels = pixels.permute(0, 1, 6, 2, 4, 3, 5).reshape(b, t, 3, h, w)
        x = torch.cat([pixels[:, :-1], pixels[:, 1:]], 2).flatten(0, 1)
        for index, layer in enumerate(self.layers):
            x = layer(F.gelu(x) if index else x)
        embedded, codes, loss = self.quantizer(x.amax((2, 3)))
        return embedded.unflatten(0, (b, t - 1)), codes.unflatten(0, (b, t - 1)), loss


def tokenizer(task):
    net = model.Tokenizer(**task["model"])
    frames = torch.rand(task["batch"], task["span"], *task["model"]["size"], 3)
    return net, lambda: net(frames)[2]


def codes(quantizer, x):
    """A quantizer's codes, without the parts that only training needs."""
    x = quantizer.project(x)
    if quantizer.mean is not None:
        x = x - quantizer.mean
    if quantizer.levels:
        levels = torch.tensor(quantizer.levels)
        digits = (torch.sigmoid(x) * (levels - 1)).round().long()
        bases = torch.cumprod(torch.tensor([1, *quantizer.levels[:-1]]), 0)
        return (digits * bases).sum(-1)
    return (F.normalize(x, dim=-1) @ F.normalize(quantizer.codebook, dim=-1).T).argmax(-1)


def encode(task):
    net = model.Tokenizer(**task["model"])
    shape = (task["batch"], task["model"]["frames"], *task["model"]["size"], 3)
    frames = torch.randint(256, shape, dtype=torch.uint8)

    def tokens():
        patches = model.patchify(frames.float() / 255, net.patch)
        coded = net.encoder(net.encoder_positions(net.embed(patches)))
        return codes(net.quantizer, coded.flatten(0, 2)).to(torch.uint16)

    return net, tokens


def lam(task):
    if task["convolutions"]:
        net = ConvolutionLam(**task["convolutions"], **task["model"])
    else:
        net = model.Lam(**task["model"])
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
    # Logits of masked tokens only, as in this project's model. They are gathered by index, which a
    # compiler can follow.
    rows, targets = masked.flatten().nonzero().squeeze(1), tokens[masked]
    logits, net.logits = net.logits, nn.Identity()
    net.head = logits

    def loss():
        hidden = net(tokens, masked, actions).flatten(0, 2)[rows]
        losses = F.cross_entropy(net.head(hidden), targets, reduction="none")
        return (losses * weights).sum() / weights.sum()

    return net, loss


def optimizers(net, kind):
    in_block = [
        p
        for name, p in net.named_parameters()
        if "blocks" in name and p.dim() == 2 and p.requires_grad
    ]
    if kind == "adamw":
        in_block = []
    known = {id(p) for p in in_block}
    rest = [p for p in net.parameters() if id(p) not in known and p.requires_grad]
    on_gpu = rest[0].is_cuda or None
    both = [torch.optim.AdamW(rest, lr=1e-3, betas=(0.9, 0.9), weight_decay=1e-4, fused=on_gpu)]
    if in_block:
        both.append(torch.optim.Muon(in_block, lr=1e-2))
    return both


def training(net, loss, task):
    steps = optimizers(net, task["optimizer"])

    def step():
        for _ in range(task["micro_batches"]):
            with torch.autocast(task["device"], torch.bfloat16, task["precision"] == "bf16"):
                value = loss()
            (value / task["micro_batches"]).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for optimizer in steps:
            optimizer.step()
            optimizer.zero_grad()

    return step


def peak(device):
    if device == "cuda":
        return torch.cuda.max_memory_reserved()
    status = pathlib.Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)


def measure(step, task):
    wait = torch.cuda.synchronize if task["device"] == "cuda" else lambda: None
    for _ in range(task["warm"]):
        step()
    for _ in range(task["steps"] // task["run"]):
        wait()
        began = time.perf_counter()
        for _ in range(task["run"]):
            step()
        wait()
        print(json.dumps({"seconds": (time.perf_counter() - began) / task["run"]}))
    print(json.dumps({"peak_bytes": peak(task["device"])}))


def main():
    task = json.load(sys.stdin)
    torch.manual_seed(0)
    torch.set_num_threads(task["threads"])
    torch.set_default_device(task["device"])
    made = {"tokenizer": tokenizer, "lam": lam, "dynamics": dynamics, "encode": encode}
    net, forward = made[task["kind"]](task)
    with torch.no_grad():
        for p in net.parameters():
            p.normal_(0, 0.05)
    encodes = task["kind"] == "encode"
    net.train(not encodes)
    if task["variant"] == "compiled":
        forward = torch.compile(forward)
    with torch.set_grad_enabled(not encodes):
        measure(forward if encodes else training(net, forward, task), task)


main()
