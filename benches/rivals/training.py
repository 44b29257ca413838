"""The same training in PyTorch: one process, driven over its standard input by benches/engine/src/training.rs.

The first line is a JSON description of the run; every further line is a number of steps to make, answered by a line
of JSON with their seconds and losses. At the end of the input the peak of its memory is told.
"""

import json
import math
import os
import resource
import sys
import time

# The other side runs while this one waits.
os.environ["OMP_WAIT_POLICY"] = "passive"

import numpy
import torch
import torch.nn.functional as F

TINY = 1e-24
VALUE_STEP = 1 / 32
VALUE_MAX = 127 * VALUE_STEP


class Nearest(torch.autograd.Function):
    """Rounds; gradients pass straight through."""

    @staticmethod
    def forward(ctx, x, function, *rest):
        return function(x, *rest)

    @staticmethod
    def backward(ctx, grad):
        return grad, None, None


def absmax(x):
    """Each row to 1/127 of its largest entry."""
    step = x.abs().amax(-1, keepdim=True).div_(127).add_(TINY)
    return (x / step).round_().mul_(step)


def ternary(x, groups):
    grouped = x.reshape(groups, -1)
    alpha = grouped.abs().mean(1, keepdim=True).clamp_min_(1e-8)
    return (grouped / alpha).clamp_(-1, 1).round_().mul_(alpha).view_as(x)


def bytes8(x):
    step = x.abs().amax().clamp_min_(1e-8) / 127
    return (x / step).round_().mul_(step)


def gains(x):
    return (x * 256).clamp_(-32767, 32767).round_().div_(256)


def quantise(x, format):
    if format == "i8":
        return Nearest.apply(x, bytes8)
    if format == "gain":
        return Nearest.apply(x, gains)
    return Nearest.apply(x, ternary, format)


def norm_quant(x, gain):
    return Nearest.apply(F.rms_norm(x * gain, (x.shape[-1],), eps=TINY), absmax)


def rotate(x, cos, sin):
    """x: [batch, heads, tokens, head_size]; neighbouring entries are a pair."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def values8(v):
    return (v / VALUE_STEP).round_().mul_(VALUE_STEP).clamp_(-VALUE_MAX, VALUE_MAX)


def attention(h, w, cos, sin, batch, heads):
    """One layer's attention, residual included. h: [batch * tokens, width]."""
    rows, width = h.shape
    qkv = F.linear(norm_quant(h, w["attn_gain"]), w["qkv"])
    qkv = qkv.view(batch, rows // batch, 3, heads, width // heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    q = Nearest.apply(rotate(q, cos, sin), absmax)
    k = Nearest.apply(rotate(k, cos, sin), absmax)
    # The clamp passes no gradient where it acts; rounding passes all.
    v = Nearest.apply(v.clamp(-VALUE_MAX, VALUE_MAX), values8)
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    mixed = mixed.transpose(1, 2).reshape(rows, width)
    return h + F.linear(norm_quant(mixed, w["attn_out_gain"]), w["wo"])


def expert(x, up, gain, down):
    hidden = F.linear(x, up).relu()
    return F.linear(norm_quant(hidden * hidden, gain), down)


class Net:
    def __init__(self, run, cos, sin):
        self.config, self.cos, self.sin = run["config"], cos, sin
        self.attention, self.expert, self.norm_quant = attention, expert, norm_quant
        if run["compile"]:
            self.attention = torch.compile(attention)
            self.expert = torch.compile(expert, dynamic=True)
            self.norm_quant = torch.compile(norm_quant)

    def mixture(self, h, w, own=None):
        """One layer's experts over the tokens routed to them, residual and balance included."""
        d, f = self.config["d_model"], self.config["d_ff"]
        count, top_k = self.config["experts"], self.config["top_k"]
        x = self.norm_quant(h, w["ffn_gain"])
        logits = F.linear(x, w["router"])
        best, chosen = logits.topk(top_k, -1)
        first = torch.sigmoid(best[:, :1] - best[:, 1:])
        gates = torch.cat((first, 1 - first), 1).flatten()
        # Places sorted by their expert: each expert's tokens lie together.
        chosen = chosen.flatten()
        order = chosen.argsort(stable=True)
        sizes = torch.bincount(chosen, minlength=count)
        tokens = order // top_k
        outputs = []
        for i, part in enumerate(x[tokens].split(sizes.tolist())):
            if own is not None and own["expert"] == i:
                outputs.append(self.expert(part, own["up"], own["gain"], own["down"]))
            else:
                up, down = w["up"][i * f : (i + 1) * f], w["down"][i * d : (i + 1) * d]
                outputs.append(self.expert(part, up, w["gain"][i], down))
        spoken = torch.cat(outputs) * gates[order, None]
        share = sizes / chosen.numel()
        balance = (logits.softmax(-1).mean(0) * share).sum() * count
        return h.index_add(0, tokens, spoken), balance, sizes

    def losses(self, weights, layers, sequences, slot=None, own=None):
        """Losses of all tokens, the mean of the balances, and tokens that chose the slot's expert."""
        batch, tokens = sequences.shape
        inputs = F.pad(sequences[:, :-1], (1, 0))
        h = F.embedding(inputs.flatten(), weights[0])
        balances, seen = [], 0
        for i, w in enumerate(layers):
            h = self.attention(h, w, self.cos, self.sin, batch, self.config["heads"])
            here = own if slot is not None and i == slot[0] else None
            h, balance, sizes = self.mixture(h, w, here)
            if here is not None:
                seen = sizes[slot[1]].item()
            balances.append(balance)
        logits = F.linear(self.norm_quant(h, weights[-2]), weights[-1])
        return F.cross_entropy(logits, sequences.flatten(), reduction="none"), sum(balances) / len(layers), seen


PARTS = ["attn_gain", "qkv", "attn_out_gain", "wo", "ffn_gain", "router", "up", "gain", "down"]


def layers_of(weights):
    return [dict(zip(PARTS, weights[i : i + len(PARTS)])) for i in range(1, len(weights) - 2, len(PARTS))]


def peak_mib():
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main():
    run = json.loads(sys.stdin.readline())
    torch.set_num_threads(run["threads"])
    config = run["config"]
    flat = torch.from_numpy(numpy.fromfile(run["weights"], dtype="<f4"))
    weights, at = [], 0
    for _, shape in run["parameters"]:
        size = shape[0] * shape[1]
        weights.append(flat[at : at + size].clone().view(shape))
        at += size
    del flat
    pairs = config["d_model"] // config["heads"] // 2
    table = torch.tensor(run["rotary"], dtype=torch.float32).view(-1, pairs, 2)[: run["tokens"]] / 16384
    net = Net(run, table[..., 0].contiguous(), table[..., 1].contiguous())
    batches = numpy.fromfile(run["batches"], dtype=numpy.uint8).reshape(-1, run["batch"], run["tokens"])

    formats = [format for format, _ in run["parameters"]]
    slot, own = run["slot"], None
    if slot is None:
        leaves = [w.requires_grad_() for w in weights]
    else:
        frozen = layers_of(weights)
        d, f, e = config["d_model"], config["d_ff"], slot[1]
        w = frozen[slot[0]]
        # Latent weights whose mean magnitude is the scale they stand for.
        latent = lambda x: (x * (x.numel() / x.count_nonzero())).clone().requires_grad_()
        leaves = [
            latent(w["up"][e * f : (e + 1) * f]),
            w["gain"][e : e + 1].clone().requires_grad_(),
            latent(w["down"][e * d : (e + 1) * d]),
        ]
        formats = [1, "gain", 1]
    settings = run["optimiser"]
    decayed = [x for x, format in zip(leaves, formats) if format != "gain"]
    kept = [x for x, format in zip(leaves, formats) if format == "gain"]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings["weight_decay"]}, {"params": kept, "weight_decay": 0.0}],
        lr=settings["learning_rate"],
        betas=(settings["beta1"], settings["beta2"]),
        fused=True,
    )

    def step(sequences):
        quantised = [quantise(x, format) for x, format in zip(leaves, formats)]
        if slot is None:
            losses, balance, _ = net.losses(quantised, layers_of(quantised), sequences)
            mean = losses.mean()
            total = mean + run["balance"] * balance
        else:
            own = dict(zip(("up", "gain", "down"), quantised), expert=slot[1])
            losses, _, seen = net.losses(weights, frozen, sequences, slot, own)
            mean = losses.mean()
            total = losses.sum() / seen
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(leaves, settings["clip"])
        optimiser.step()
        return mean.item() / math.log(2)

    before = peak_mib()
    made = 0
    for line in sys.stdin:
        count = int(line)
        began = time.perf_counter()
        losses = []
        for _ in range(count):
            losses.append(step(torch.from_numpy(batches[made % len(batches)]).long()))
            made += 1
        print(json.dumps({"seconds": time.perf_counter() - began, "losses": losses}), flush=True)
    print(json.dumps({"peak_mib": peak_mib(), "before_mib": before, "torch": torch.__version__}), flush=True)


main()
