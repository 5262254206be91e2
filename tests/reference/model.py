"""The models of this project in PyTorch, as the reference for the Rust code.

The code follows the papers' equations. It is written for reading, not for speed. Frames are
`[b, t, h, w, 3]`, activations are `[b, t, s, d]` (batch, frame, position, width). All that PyTorch
offers is used (LayerNorm, GELU, scaled_dot_product_attention, cross_entropy, autograd). Parameters
have the names of the exported files (libs/model/README.md), so `import` accepts the `state_dict()`
of a class as a file.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Attention(nn.Module):
    """x -> W_o attention(norm(x)), over the last axis but one, with the norm before the attention.

    QK-norm is a layer norm for each head [Henry et al. 2020].
    """

    def __init__(self, d, heads, qk_norm, head_dim=0):
        super().__init__()
        self.heads = heads
        width = head_dim or d // heads
        self.norm = nn.LayerNorm(d)
        self.qkv = nn.Linear(d, 3 * heads * width)
        self.query_norm = nn.LayerNorm(width) if qk_norm else nn.Identity()
        self.key_norm = nn.LayerNorm(width) if qk_norm else nn.Identity()
        self.output = nn.Linear(heads * width, d)

    def forward(self, x, causal):
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(-2, -3)
            for part in self.qkv(self.norm(x)).chunk(3, -1)
        )
        mixed = F.scaled_dot_product_attention(
            self.query_norm(query), self.key_norm(key), value, is_causal=causal
        )
        return self.output(mixed.transpose(-2, -3).flatten(-2))


class Block(nn.Module):
    """An ST-block [Genie, section 2.1].

    Spatial attention, causal temporal attention and one feed-forward layer, each with a residual.
    """

    def __init__(self, d, heads, ffn_mult, qk_norm, temporal, head_dim):
        super().__init__()
        self.space = Attention(d, heads, qk_norm, head_dim)
        self.time = Attention(d, heads, qk_norm, head_dim) if temporal else None
        self.norm = nn.LayerNorm(d)
        self.up = nn.Linear(d, d * ffn_mult)
        self.down = nn.Linear(d * ffn_mult, d)

    def forward(self, x):
        x = x + self.space(x, causal=False)
        if self.time is not None:
            x = x + self.time(x.transpose(1, 2), causal=True).transpose(1, 2)
        return x + self.down(F.gelu(self.up(self.norm(x))))


class Stack(nn.Module):
    """ST-blocks and a final layer norm."""

    def __init__(self, layers, d, heads, ffn_mult=2, qk_norm=False, temporal=True, head_dim=0):
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(d, heads, ffn_mult, qk_norm, temporal, head_dim) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(d)
        self.temporal = temporal

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Positions(nn.Module):
    """Learned position embeddings, separate for space and time.

    A stack without temporal attention has one time row for all frames.
    """

    def __init__(self, stack, frames, positions, d):
        super().__init__()
        self.space = nn.Parameter(torch.empty(positions, d))
        self.time = nn.Parameter(torch.empty(frames if stack.temporal else 1, d))

    def forward(self, x):
        time = self.time[: x.shape[1]] if len(self.time) > 1 else self.time
        return x + self.space[None, None] + time[None, :, None]


def unevenness(shares):
    """Minus the entropy of the mean of soft assignments `[n, codes]`, in nats."""
    mean = shares.mean(0)
    return (mean * mean.log()).sum()


def straight_through(x, quantized):
    return x + (quantized - x).detach()


class Quantizer(nn.Module):
    """A projection, then finite scalar quantization or a codebook.

    With `levels` it is finite scalar quantization [Mentzer et al. 2023], without it a codebook of
    unit vectors [van den Oord et al. 2017; Yu et al. 2021]. `usage` rewards even use of the codes.
    `centre` subtracts the batch's mean during training.
    """

    def __init__(
        self, d, codes=None, latent=None, levels=None, commitment=0.25, usage=0.0, centre=False
    ):
        super().__init__()
        self.levels, self.commitment, self.usage = levels, commitment, usage
        width = len(levels) if levels else latent
        self.project = nn.Linear(d, width)
        self.codebook = None if levels else nn.Parameter(torch.empty(codes, latent))
        self.mean = nn.Parameter(torch.empty(width), requires_grad=False) if centre else None

    def forward(self, x):
        """Rows `[n, d]` to (embedded codes, codes, loss)."""
        x = self.project(x)
        if self.mean is not None:
            x = x - (x.mean(0, keepdim=True) if self.training else self.mean)
        embedded, codes, loss, shares = self.round(x) if self.levels else self.nearest(x)
        return embedded, codes, loss + self.usage * unevenness(shares)

    def nearest(self, x):
        x, codebook = F.normalize(x, dim=-1), F.normalize(self.codebook, dim=-1)
        cosine = x @ codebook.detach().T
        apart(cosine.topk(2).values.diff(dim=-1))
        codes = cosine.argmax(-1)
        chosen = codebook[codes]
        codebook_loss = (chosen - x.detach()).square().sum(-1).mean()
        commitment_loss = (chosen.detach() - x).square().sum(-1).mean()
        loss = codebook_loss + self.commitment * commitment_loss
        return straight_through(x, chosen), codes, loss, F.softmax(4 * cosine, -1)

    def round(self, x):
        levels = torch.tensor(self.levels)
        grid = torch.sigmoid(x) * (levels - 1)
        apart(grid - grid.floor() - 0.5)
        digits = grid.round()
        # The first digit is the least significant.
        codes = (digits.long() * torch.cumprod(torch.tensor([1, *self.levels[:-1]]), 0)).sum(-1)
        shares = torch.ones(len(x), 1, dtype=x.dtype)
        for dimension, count in enumerate(self.levels):
            share = F.softmax(-4 * (grid[:, dimension, None] - torch.arange(count)).square(), -1)
            shares = torch.einsum("na,nb->nab", shares, share).flatten(1)
        # The range is -1 to 1 for any number of levels.
        return 2 * straight_through(grid, digits) / (levels - 1) - 1, codes, x.new_zeros(()), shares


def apart(margins):
    """Refuses a choice that rounding errors could change: Rust could not reproduce it."""
    assert margins.abs().min() > 1e-4, (
        f"the margin of a choice is only {margins.abs().min():.1e}: use another seed"
    )


def patchify(frames, p):
    """`[b, t, h, w, c]` to patches `[b, t, s, p*p*c]`, row by row."""
    b, t, h, w, c = frames.shape
    return (
        frames.reshape(b, t, h // p, p, w // p, p, c)
        .permute(0, 1, 2, 4, 3, 5, 6)
        .reshape(b, t, -1, p * p * c)
    )


def changed(difference, weight):
    """Weights of pixels: `weight` where a pixel changes by more than 0.02, else 1."""
    return torch.where(difference.abs() > 0.02, weight, 1.0).to(difference.dtype)


class Tokenizer(nn.Module):
    """Frames to codes and back [Genie, section 2.2]."""

    def __init__(self, encoder, decoder, quantizer, frames, size, patch, changed_pixel_weight):
        super().__init__()
        self.patch, self.changed_pixel_weight = patch, changed_pixel_weight
        values, positions = patch * patch * 3, size[0] * size[1] // patch**2
        self.embed = nn.Linear(values, encoder["d"])
        self.encoder = Stack(**encoder)
        self.encoder_positions = Positions(self.encoder, frames, positions, encoder["d"])
        self.quantizer = Quantizer(encoder["d"], **quantizer)
        self.expand = nn.Linear(self.quantizer.project.out_features, decoder["d"])
        self.decoder = Stack(**decoder)
        self.decoder_positions = Positions(self.decoder, frames, positions, decoder["d"])
        self.pixels = nn.Linear(decoder["d"], values)

    def forward(self, frames):
        """Frames to (codes `[b, t, s]`, reconstructed patches, loss)."""
        patches = patchify(frames, self.patch)
        coded = self.encoder(self.encoder_positions(self.embed(patches)))
        embedded, codes, loss = self.quantizer(coded.flatten(0, 2))
        hidden = self.decoder(
            self.decoder_positions(self.expand(embedded).unflatten(0, patches.shape[:3]))
        )
        pixels = torch.sigmoid(self.pixels(hidden))
        weights = torch.ones_like(patches)
        weights[:, 1:] = changed(patches[:, 1:] - patches[:, :-1], self.changed_pixel_weight)
        error = ((pixels - patches).square() * weights).sum() / weights.sum()
        return codes.unflatten(0, patches.shape[:3]), pixels, error + loss


class Convolutions(nn.Module):
    """3x3 convolutions with zeros around the image, and GELU between them.

    A layer's weight is `[outputs, 9 * inputs]`: the nine neighbours row by row, and the channels of
    each.
    """

    def __init__(self, inputs, channels, strides):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(9 * before, after) for before, after in zip([inputs, *channels], channels)
        )
        self.strides = strides

    def forward(self, x):
        """Images `[n, h, w, c]` to features `[n, positions, channels]`."""
        x = x.permute(0, 3, 1, 2)
        for index, (layer, stride) in enumerate(zip(self.layers, self.strides)):
            x = x if index == 0 else F.gelu(x)
            weight = layer.weight.unflatten(1, (3, 3, -1)).permute(0, 3, 1, 2)
            x = F.conv2d(x, weight, layer.bias, stride, padding=1)
        return x.flatten(2).transpose(1, 2)


class Motion(nn.Module):
    """The convolutions under the name that their weights have in a file."""

    def __init__(self, channels, strides):
        super().__init__()
        self.convolutions = Convolutions(2 * 3, channels, strides)


class Lam(nn.Module):
    """The latent action model [Genie, section 2.1.1].

    `reads`: "attention", "convolution", or "components". `pairs`: the encoder gets x_t beside
    x_{t+1}, not x_{t+1} alone. `given`: the number of frames that the decoder gets, side by side.
    `change`: the decoder predicts x_{t+1} - x_t, not x_{t+1}.
    """

    def __init__(
        self,
        encoder,
        decoder,
        quantizer,
        frames,
        size,
        pairs,
        given,
        change,
        pool,
        changed_pixel_weight,
        patch,
        reads="attention",
        convolutions=None,
    ):
        super().__init__()
        self.reads = reads
        self.patch, self.pairs, self.given, self.change, self.pool = (
            patch,
            pairs,
            given,
            change,
            pool,
        )
        self.changed_pixel_weight = changed_pixel_weight
        values, positions = patch * patch * 3, size[0] * size[1] // patch**2
        if reads == "attention":
            width = encoder["d"]
            self.embed = nn.Linear(2 * values if pairs else values, width)
            self.encoder = Stack(**encoder)
            self.encoder_positions = Positions(self.encoder, frames, positions, width)
        elif reads == "convolution":
            width = convolutions["channels"][-1]
            self.motion = Motion(**convolutions)
        else:
            width = size[0] * size[1]
        self.quantizer = Quantizer(width, **quantizer)
        if reads == "components":
            # The components are computed before training, and training does not change them.
            self.quantizer.project.requires_grad_(False)
        self.action = nn.Linear(self.quantizer.project.out_features, decoder["d"])
        self.start = nn.Linear(given * values, decoder["d"])
        self.decoder = Stack(**decoder)
        self.decoder_positions = Positions(self.decoder, frames, positions, decoder["d"])
        self.pixels = nn.Linear(decoder["d"], values)

    def encode(self, frames):
        """Frames `[b, t, h, w, 3]` to features `[b, t-1, positions, width]`."""
        before, after = frames[:, :-1], frames[:, 1:]
        if self.reads == "convolution":
            pairs = torch.cat([before, after], -1).flatten(0, 1)
            return self.motion.convolutions(pairs).unflatten(0, before.shape[:2])
        if self.reads == "components":
            # The change of the grey value of each pixel, at one position.
            return (after - before).mean(-1).clamp(-0.3, 0.3).flatten(2)[:, :, None]
        patches = patchify(frames, self.patch)
        if self.pairs:
            return self.encoder(
                self.encoder_positions(self.embed(torch.cat([patches[:, :-1], patches[:, 1:]], -1)))
            )
        return self.encoder(self.encoder_positions(self.embed(patches)))[:, 1:]

    def infer(self, frames):
        """Embedded actions `[b, t-1, width]`, codes `[b, t-1]` and loss.

        Entry t is the action from frame t to frame t+1.
        """
        hidden = self.encode(frames)
        if self.pool == "max" and hidden.shape[2] > 1:
            apart(hidden.topk(2, dim=2).values.diff(dim=2))
        pooled = hidden.amax(2) if self.pool == "max" else hidden.mean(2)
        embedded, codes, loss = self.quantizer(pooled.flatten(0, 1))
        return embedded.unflatten(0, pooled.shape[:2]), codes.unflatten(0, pooled.shape[:2]), loss

    def forward(self, frames):
        """Frames to (codes of the predicted frames, predicted patches, loss)."""
        patches = patchify(frames, self.patch)
        # Only frames with `given` frames before them can be predicted.
        actions, codes, loss = self.infer(frames[:, self.given - 1 :])
        target = patches[:, self.given :]
        last = patches[:, self.given - 1 : -1]
        seen = torch.cat([patches[:, i : i + target.shape[1]] for i in range(self.given)], -1)
        hidden = self.decoder(
            self.decoder_positions(self.start(seen)) + self.action(actions)[:, :, None]
        )
        out = self.pixels(hidden)
        predicted = last + out if self.change else torch.sigmoid(out)
        weights = changed(target - last, self.changed_pixel_weight)
        return (
            codes,
            predicted,
            ((predicted - target).square() * weights).sum() / weights.sum() + loss,
        )


class Dynamics(nn.Module):
    """MaskGIT over frames of tokens [Genie, section 2.3].

    Token number `codes` is the mask. Action number `actions` stands before frame 0. `prepend`: the
    action is one more position of its frame; otherwise it is added to all positions.
    `previous`: "position" adds the true token at the same position of the frame before (the mask,
    before frame 0). "neighbourhood" also adds a convolution over that frame's embedded tokens, in
    rows of `columns`. `parts`: the embedding of an action is the sum of one row for each of its
    digits, whose numbers of values these are. The first digit is the least significant.
    """

    def __init__(
        self, stack, frames, positions, columns, codes, actions, prepend, previous, parts=None
    ):
        super().__init__()
        d = stack["d"]
        self.prepend = prepend
        self.tokens = nn.Parameter(torch.empty(codes + 1, d))
        self.previous = nn.Parameter(torch.empty(codes + 1, d)) if previous != "none" else None
        self.neighbours = Convolutions(d, [d], [1]) if previous == "neighbourhood" else None
        self.columns = columns
        self.parts = parts or [actions]
        self.actions = nn.Parameter(torch.empty(sum(self.parts) + 1, d))
        self.stack = Stack(**stack)
        self.positions = Positions(self.stack, frames, positions + prepend, d)
        self.logits = nn.Linear(d, codes)

    def forward(self, tokens, masked, actions):
        """Logits `[b, t, s, codes]`, from tokens `[b, t, s]` and actions `[b, t-1]`.

        Entry t of the actions leads from frame t to frame t+1. Tokens are hidden where `masked` is
        true.
        """
        mask, start = len(self.tokens) - 1, len(self.actions) - 1
        x = self.tokens[tokens.masked_fill(masked, mask)]
        if self.previous is not None:
            before = self.previous[F.pad(tokens[:, :-1], (0, 0, 1, 0), value=mask)]
            x = x + before
            if self.neighbours is not None:
                frames = before.flatten(0, 1).unflatten(1, (-1, self.columns))
                x = x + self.neighbours(frames).view_as(x)
        action = F.pad(self.embed_actions(actions), (0, 0, 1, 0))
        action[:, 0] = self.actions[start]
        action = action[:, :, None]
        if self.prepend:
            return self.logits(self.stack(self.positions(torch.cat([action, x], 2)))[:, :, 1:])
        return self.logits(self.stack(self.positions(x + action)))

    def embed_actions(self, actions):
        """Actions `[b, t-1]` to embeddings `[b, t-1, d]`."""
        embedded, first = 0, 0
        for part in self.parts:
            embedded = embedded + self.actions[first + actions % part]
            actions, first = actions // part, first + part
        return embedded

    def loss(self, tokens, masked, actions, changed_token_weight):
        """Cross-entropy of the masked tokens.

        Tokens that differ from the frame before have the weight `changed_token_weight`.
        """
        before = F.pad(tokens[:, :-1], (0, 0, 1, 0), value=-1)
        weights = torch.where(tokens != before, changed_token_weight, 1.0)[masked]
        each = F.cross_entropy(
            self.forward(tokens, masked, actions)[masked], tokens[masked], reduction="none"
        )
        return (each * weights).sum() / weights.sum()
