#!/usr/bin/env python3
"""A second implementation of docs/definition-2.md, in Python's unlimited integers: replays the golden vectors.

    python3 ml-engine/exact/golden/definition2/second.py [FAMILY]...

It was written from the document, so that the document is enough to write one. Only the tables of exp2 and of the golden
models' random numbers are shared with the crate.
"""

import hashlib
import math
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent.parent / "src"
EXP2 = [
    int(entry.replace("_", ""))
    for entry in re.search(r"EXP2_Q30: \[u32; 257\] = \[(.*?)\];", (SOURCES / "exponential.rs").read_text(), re.S)[1]
    .replace("\n", "").replace("\t", "").split(",") if entry.strip()
]
MASK = (1 << 64) - 1


def blake2(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


# Numbers.

def div_round(n, d):
    q = (2 * abs(n) + d) // (2 * d)
    return -q if n < 0 else q


def shift_round(x, s):
    return div_round(x, 1 << s)


def bits(x):
    return abs(x).bit_length()


def clamp(x, b):
    return max(-b, min(b, x))


def top(b):
    return (1 << (b - 1)) - 1


class Real:
    """`m * 2^-e`."""

    def __init__(self, m, e):
        self.m, self.e = m, (e if m else 0)

    @staticmethod
    def quotient(a, b):
        if a == 0:
            return Real(0, 0)
        s = 0
        while (a << s) // b < 1 << 34 and s < 400:
            s += 1
        q = (a << s) // b
        return Real.rounded(q, s)

    @staticmethod
    def rounded(m, e):
        excess = max(0, m.bit_length() - 32)
        m = (m + ((1 << excess) >> 1)) >> excess
        e -= excess
        if m >> 32:
            m, e = m >> 1, e - 1
        return Real(m, e)

    def __mul__(self, other):
        return Real.rounded(self.m * other.m, self.e + other.e) if self.m and other.m else Real(0, 0)

    def shifted(self, n):
        return Real(self.m, self.e - n)

    def product(self, a, bound, before=0):
        factor, shift = self.m >> 1, self.e - 1 - before
        if a == 0 or factor == 0 or shift > 62:
            return 0
        if shift < 0:
            return bound if a > 0 else -bound
        return clamp(shift_round(a * factor, shift), bound)

    def bytes(self):
        return self.m.to_bytes(4, "little") + self.e.to_bytes(2, "little", signed=True)


def f16(h):
    e, f = (h >> 10) & 31, h & 1023
    x = f if e == 0 else (1024 + f) << (e - 1)
    return -x if h >> 15 else x


def exp2(t):
    """2^-t in Q30 for t in Q16: the first definition's."""
    whole, rest = t >> 16, t & 0xFFFF
    if whole >= 31:
        return 0
    i, f = rest >> 8, rest & 255
    value = EXP2[i] - (((EXP2[i] - EXP2[i + 1]) * f + 128) >> 8)
    return (value + ((1 << whole) >> 1)) >> whole


def log2(x, precision):
    whole = x.bit_length() - 1
    m = (x << 31) >> whole if whole < 31 else x >> (whole - 31)
    fraction = 0
    for _ in range(precision):
        m = (m * m) >> 31
        fraction <<= 1
        if m >> 32:
            fraction, m = fraction | 1, m >> 1
    return (whole << precision) + fraction


# Operators.

class Matrix:
    def __init__(self, kind, rows, cols, weights, unit, scale, peak):
        self.kind, self.rows, self.cols, self.unit = kind, rows, cols, unit
        self.w, self.scale, self.peak = weights, scale, peak


class Adapter:
    def __init__(self, first, second, shift):
        self.first, self.second, self.shift = first, second, shift


def dot(row, x):
    return sum(c * v for c, v in zip(row, x))


def linear(x, b, w, fraction, bound, bias=None, adapter=None, sums=None):
    q, s = x
    p = max(0, bits(w.peak * top(b) * w.cols) - 31)
    f = (w.scale * s).shifted(fraction + p - w.unit)
    acc = [dot(row, q) for row in w.w]
    if adapter is None:
        a = [shift_round(one, p) for one in acc]
    else:
        g = 16 if w.kind == "ternary" else 0
        v = [dot(row, sums) << adapter.shift for row in adapter.second]
        a = [clamp(shift_round((one << g) + more, p + g), 1 << 31) for one, more in zip(acc, v)]
    y = [f.product(one, bound) for one in a]
    return y if bias is None else [clamp(a + c, bound) for a, c in zip(y, bias)]


def quantise(t, unit, b):
    m = max(abs(x) for x in t)
    if m == 0:
        return [0] * len(t), Real(0, 0)
    e = max(0, bits(m) - 24)
    m = shift_round(m, e)
    return [div_round(top(b) * shift_round(x, e), m) for x in t], Real.quotient(m, top(b)).shifted(e - unit)


def inverse_rms(h, unit, eps):
    n = len(h)
    e = max(0, bits(max(abs(x) for x in h)) - (24 if n <= 8192 else 22))
    total = sum(shift_round(x, e) ** 2 for x in h)
    s = 2 * unit - 2 * e - 48
    if s >= 0:
        share = min((n * eps) << s, 1 << 61)
    else:
        share = 0 if -s > 62 else (n * eps + (1 << (-s - 1))) >> -s
    return (math.isqrt((n << 110) // (total + share)), e) if total + share else None


def norm(h, unit, gain, eps, b):
    found = inverse_rms(h, unit, eps)
    if found is None:
        return [0] * len(h), Real(0, 0)
    root, e = found
    q, s = quantise([x * g for x, g in zip(h, gain[0])], 0, b)
    return q, (s * Real.quotient(root, 1) * gain[1]).shifted(-e - 55)


def normalise(h, gain, eps):
    found = inverse_rms(h, 12, eps)
    if found is None:
        return h
    root, e = found
    f = (Real.quotient(root, 1) * gain[1]).shifted(12 - e - 55)
    return [f.product(shift_round(x * g, 21), 1 << 26, 21) for x, g in zip(h, gain[0])]


def wave():
    """round(2^30 sin(pi/2 i/256)) by the Taylor series, in integers of 256 fraction bits."""
    one = 1 << 256
    # pi by Machin's formula.
    def arctan_inverse(n):
        total, term, k = 0, one // n, 1
        while term:
            total += term // k if k % 4 == 1 else -(term // k)
            term //= n * n
            k += 2
        return total
    pi = 4 * (4 * arctan_inverse(5) - arctan_inverse(239))
    out = []
    for i in range(257):
        x = pi * i // 512
        total, term, k = 0, x, 1
        while term:
            total += term if k % 4 == 1 else -term
            term = term * x * x // (one * one * (k + 1) * (k + 2))
            k += 2
        out.append((total + (1 << 225)) >> 226)
    return out


WAVE = wave()


def sine(angle):
    x = angle % (1 << 63)
    x = (1 << 63) - x if x > 1 << 62 else x
    i, t = x >> 54, (x >> 38) & 0xFFFF
    v = shift_round(WAVE[i] + shift_round((WAVE[min(i + 1, 256)] - WAVE[i]) * t, 16), 15)
    return -v if angle >> 63 else v


def rotate(head, frequencies, position):
    out = []
    for pair, frequency in enumerate(frequencies):
        angle = position * frequency & MASK
        sin, cos = sine(angle), sine((angle + (1 << 62)) & MASK)
        x, y = head[2 * pair], head[2 * pair + 1]
        out += [clamp(shift_round(x * cos - y * sin, 15), 1 << 27), clamp(shift_round(x * sin + y * cos, 15), 1 << 27)]
    return out


def eight_bits(head):
    m = max(abs(x) for x in head)
    return [div_round(127 * x, m) if m else 0 for x in head], m


def attend(query, keys, values):
    q, mq = query
    f = Real.quotient(mq, 1) * Real.quotient(412_502_731_038_636, 1).shifted(-62)
    f = (f * Real.quotient(math.isqrt((1 << 124) // len(q)), 1).shifted(-62)).shifted(-8)
    z = [f.product(shift_round(sum(a * b for a, b in zip(q, k)) * mk, 18), 1 << 30, 18) for k, mk in keys]
    p = [min(exp2(max(z) - one) >> 15, 32767) for one in z]
    products = [a * step for a, (_, step) in zip(p, values)]
    x = max(0, bits(max(products)) - 15)
    w = [min(shift_round(one, x), 32767) for one in products]
    out = []
    for i in range(len(q)):
        o = div_round(sum(a * v[i] for a, (v, _) in zip(w, values)) << 8, sum(p))
        out.append(clamp(o << (x - 16) if x >= 16 else shift_round(o, 16 - x), 1 << 26))
    return out


def hidden(squared, g, u, gain, eps, b):
    if squared:
        e = max(0, bits(max(max(x, 0) for x in g)) - 17)
        t, unit = [shift_round(max(x, 0), e) ** 2 * y for x, y in zip(g, u)], 36 - 2 * e
    else:
        t, unit = [], 32
        for x, y in zip(g, u):
            z = shift_round(abs(x) * 1_549_082_005, 26)
            sigma = div_round(1 << 50, (1 << 30) + exp2(z))
            sigma = (1 << 20) - sigma if x < 0 else sigma
            t.append(shift_round(x * sigma, 12) * y)
    if gain is None:
        return quantise(t, unit, b)
    v = max(0, bits(max(abs(x) for x in t)) - 28)
    return norm([shift_round(x, v) for x in t], unit - v, gain, eps, b)


def route(z, k, normalised):
    order = sorted(range(len(z)), key=lambda i: (-z[i], i))
    p = {i: exp2(z[order[0]] - z[i]) for i in order}
    chosen = order[:k]
    total = sum(p[i] for i in (chosen if normalised else order))
    gates = [div_round(p[i] << 15, total) for i in chosen]
    if normalised:
        gates[0] = (1 << 15) - sum(gates[1:])
    return list(zip(chosen, gates))


# Random models, as the crate's `golden` draws them.

class Stream:
    def __init__(self, seed):
        self.state = int.from_bytes(blake2(seed)[:8], "little")

    def draw(self):
        self.state = (self.state + 0x9E37_79B9_7F4A_7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & MASK
        return z ^ (z >> 31)

    def below(self, end):
        return self.draw() % end

    def within(self, bound):
        return self.draw() % (2 * bound + 1) - bound

    def scale(self, shift):
        return Real((1 << 31) | (self.draw() & 0xFFFF_FFFF), 31 + shift)

    def gain(self, n):
        return [(1 << 23) + self.within(1 << 22) for _ in range(n)], Real.quotient(1, 1 << 23)

    def matrix(self, kind, rows, cols):
        if kind == "ternary":
            codes = []
            for _ in range(rows * cols // 4):
                codes += reversed([self.below(3) - 1 for _ in range(4)])
            w = [codes[r * cols:(r + 1) * cols] for r in range(rows)]
            return Matrix(kind, rows, cols, w, 0, self.scale(3), 1)
        if kind == "int8":
            r = [32768 + self.below(32768) for _ in range(rows)]
            c = [self.draw() & 255 for _ in range(rows * cols)]
            w = [[r[i] * (x - 256 if x > 127 else x) for x in c[i * cols:(i + 1) * cols]] for i in range(rows)]
            return Matrix(kind, rows, cols, w, 16, self.scale(9), 128 * 65535)
        groups = []
        for _ in range(rows * cols // kind):
            d = 0x2400 + self.below(0x800)
            groups.append((f16(d), f16(0x8C00 + d - self.below(0x80))))
        codes = []
        for _ in range(rows * cols // 2):
            byte = self.draw() & 255
            codes += [byte & 15, byte >> 4]
        flat = [groups[i // kind][0] * c + groups[i // kind][1] for i, c in enumerate(codes)]
        peak = max(max(abs(m), abs(15 * d + m)) for d, m in groups)
        w = [flat[i * cols:(i + 1) * cols] for i in range(rows)]
        return Matrix(kind, rows, cols, w, 24, self.scale(0), peak)

    def codes(self, rows, cols):
        c = [self.draw() & 255 for _ in range(rows * cols)]
        c = [x - 256 if x > 127 else x for x in c]
        return [c[i * cols:(i + 1) * cols] for i in range(rows)]

    def adapter(self, rank, rows, cols):
        first, shift = self.codes(rank, cols), self.below(4)
        return Adapter(first, self.codes(rows, rank), shift)


FAMILIES = {
    "llama": dict(kinds=[32, 32], hidden=[192, 192]),
    "qwen2": dict(d=96, heads=3, kv=1, size=32, vocabulary=5000, biases=True, embedding=32, head="int8",
                  kinds=["int8", "int8"], hidden=[160, 160]),
    "qwen3": dict(kv=1, size=32, qk="head", embedding=64, kinds=[64, "int8"], hidden=[128, 128]),
    "olmoe": dict(kv=4, qk="whole", fraction=14, head=64, kinds=[64, 64], hidden=[96, 96],
                  routed=[(8, 3, False, "int8", (32, "int8", 32), None)] * 2),
    "mixtral": dict(head=32, kinds=[32, 32], hidden=[128, 128], routed=[(4, 2, True, 32, (32, 32, 32), None)] * 2),
    "shared": dict(sub=True, fraction=10, kinds=["int8", 32], hidden=[96, 64],
                   routed=[None, (5, 4, True, "int8", ("int8",) * 3, (192, 64))]),
    "bitnet": dict(bits=(8, 8, 8), sub=True, squared=True, kinds=["ternary", "ternary"], hidden=[192, 192]),
    "adapters": dict(sub=True, kinds=[32, "int8"], hidden=[96, 64], ranks=[5, 8],
                     routed=[(4, 2, True, "int8", (32, 32, 32), None),
                             (3, 2, False, "int8", ("ternary", "int8", "ternary"), None)]),
}
BASE = dict(d=64, heads=4, kv=2, size=16, vocabulary=300, fraction=12, bits=(10, 8, 12), biases=False, qk=None,
            sub=False, squared=False, embedding="int8", head=None, routed=[None, None], ranks=[None, None])
EPS = 2_814_749_767


class Model:
    def __init__(self, name):
        a = self.a = {**BASE, **FAMILIES[name]}
        s = Stream(name.encode())
        d, width, kv = a["d"], a["heads"] * a["size"], a["kv"] * a["size"]
        self.embedding = s.matrix(a["embedding"], a["vocabulary"], d)
        self.frequencies = [0x28BE_60DB_9391_054A >> i for i in range(a["size"] // 2)]
        self.layers = []
        for kind, hidden_width, routed, rank in zip(a["kinds"], a["hidden"], a["routed"], a["ranks"]):
            at = dict(gain=s.gain(d), q=s.matrix(kind, width, d), k=s.matrix(kind, kv, d), v=s.matrix(kind, kv, d))
            for name_of, n in [("q", width), ("k", kv), ("v", kv)]:
                at["bias_" + name_of] = [s.within(1 << 11) for _ in range(n)] if a["biases"] else None
            if a["qk"]:
                at["gain_q"] = s.gain(a["size"] if a["qk"] == "head" else width)
                at["gain_k"] = s.gain(a["size"] if a["qk"] == "head" else kv)
            at["gain_o"] = s.gain(width) if a["sub"] else None
            at["o"] = s.matrix(kind, d, width)
            at["gain_f"] = s.gain(d)
            if routed is None:
                at["dense"] = self.network(s, hidden_width, (kind,) * 3)
            else:
                experts, _, _, router, base, shared = routed
                at["router"] = s.matrix(router, experts, d)
                at["base"] = self.network(s, hidden_width, base) if rank else None
                at["shared"] = self.network(s, shared[0], (shared[1],) * 3) if shared else None
            self.layers.append(at)
        self.head_gain = s.gain(d)
        if a["head"] is None:
            e = self.embedding
            self.head = Matrix(e.kind, e.rows, e.cols, e.w, e.unit, s.scale(9), e.peak)
        else:
            self.head = s.matrix(a["head"], a["vocabulary"], d)
        for at, hidden_width, routed, rank in zip(self.layers, a["hidden"], a["routed"], a["ranks"]):
            if routed and rank:
                at["experts"] = [self.adapted(s, at["base"], hidden_width, rank) for _ in range(routed[0])]
            elif routed:
                at["experts"] = [self.network(s, hidden_width, routed[4]) for _ in range(routed[0])]

    def network(self, s, n, kinds):
        d = self.a["d"]
        gate, up = s.matrix(kinds[0], n, d), s.matrix(kinds[1], n, d)
        gain = s.gain(n) if self.a["sub"] else None
        return gate, up, gain, s.matrix(kinds[2], d, n), (None,) * 3

    def adapted(self, s, base, n, rank):
        d = self.a["d"]
        return *base[:4], [s.adapter(rank, *shape) for shape in [(n, d), (n, d), (d, n)]]


ROW_BYTES = {"ternary": lambda k: k // 4, "int8": lambda k: k + 2, 32: lambda k: k // 2 + k // 8, 64: lambda k: k // 2 + k // 16}


def block_rows(row_bytes):
    """Rows of a matrix that a block stands for."""
    c = 64
    while c > 1 and c * row_bytes > 114 * 1024:
        c //= 2
    return c


def columns(w):
    """Bytes of a block of a linear operator's row."""
    return 4 * block_rows(ROW_BYTES[w.kind](w.cols))


def i32(row):
    return b"".join(x.to_bytes(4, "little", signed=True) for x in row)


def activations(x):
    return b"".join(q.to_bytes(2, "little", signed=True) for q in x[0]) + x[1].bytes()


def entry(head):
    return bytes(c & 255 for c in head[0]) + head[1].to_bytes(4, "little")


class Execution:
    """One sequence. `trace` holds, for each operator in order, its rows and the bytes of a block."""

    def __init__(self, model):
        self.m, self.t = model, 0
        self.past = [[([], []) for _ in range(model.a["kv"])] for _ in model.layers]
        self.trace, self.at = [], 0

    def put(self, row, block=None):
        """Notes the position's row of the next operator."""
        if self.t == 0:
            self.trace.append(([], block or len(row)))
        self.trace[self.at][0].append(row)
        self.at += 1

    def put_heads(self, heads, block):
        """Notes the position's entries of the next operator, whose rows are heads."""
        if self.t == 0:
            self.trace.append(([b""] * len(heads), block * len(entry(heads[0]))))
        rows = self.trace[self.at][0]
        for j, head in enumerate(heads):
            rows[j] += entry(head)
        self.at += 1

    def linear(self, x, b, w, fraction, bound, bias=None, adapter=None):
        sums = None
        if adapter:
            sums = [dot(row, x[0]) for row in adapter.first]
            self.put(b"".join(u.to_bytes(8, "little", signed=True) for u in sums), 8 * block_rows(w.cols))
        y = linear(x, b, w, fraction, bound, bias, adapter, sums)
        self.put(i32(y), columns(w))
        return y

    def linear_add(self, x, b, w, h):
        y = linear(x, b, w, self.m.a["fraction"], 1 << 28)
        h = [clamp(p + q, 1 << 28) for p, q in zip(h, y)]
        self.put(i32(h), columns(w))
        return h

    def norm(self, h, unit, gain, b):
        x = norm(h, unit, gain, EPS, b)
        self.put(activations(x))
        return x

    def hidden(self, network, x):
        a = self.m.a
        gate, up, gain, _, adapters = network
        g, u = (self.linear(x, a["bits"][0], w, 12, 1 << 26, adapter=b) for w, b in zip((gate, up), adapters))
        row = hidden(a["squared"], g, u, gain, EPS, a["bits"][2])
        self.put(activations(row))
        return row

    def feed_forward(self, network, x):
        a = self.m.a
        return self.linear(self.hidden(network, x), a["bits"][2], network[3], a["fraction"], 1 << 28,
                           adapter=network[4][2])

    def heads(self, at, name, row):
        a, size = self.m.a, self.m.a["size"]
        if a["qk"] == "whole":
            row = normalise(row, at["gain_" + name], EPS)
        parts = [row[i:i + size] for i in range(0, len(row), size)]
        if a["qk"] == "head":
            parts = [normalise(head, at["gain_" + name], EPS) for head in parts]
        return [eight_bits(rotate(head, self.m.frequencies, self.t)) for head in parts]

    def attention(self, at, past, h):
        a, size = self.m.a, self.m.a["size"]
        f, (inputs, outputs, _) = a["fraction"], a["bits"]
        x = self.norm(h, f, at["gain"], inputs)
        q, k, v = (self.linear(x, inputs, at[n], 12, 1 << 26, at["bias_" + n]) for n in "qkv")
        queries, keys = self.heads(at, "q", q), self.heads(at, "k", k)
        values = [eight_bits(v[i:i + size]) for i in range(0, len(v), size)]
        values = [(codes, div_round(m << 8, 127)) for codes, m in values]
        self.put(b"".join(entry(query) for query in queries), size + 4)
        positions = 16
        while a["qk"] == "whole" and positions > 1 and positions * 4 * a["kv"] * size > 114 * 1024:
            positions //= 2
        self.put_heads(keys, positions)
        self.put_heads(values, 16)
        for head, key, value in zip(past, keys, values):
            head[0].append(key)
            head[1].append(value)
        group = a["heads"] // a["kv"]
        o = sum((attend(query, *past[j // group]) for j, query in enumerate(queries)), [])
        self.put(i32(o), 4 * size)
        if a["sub"]:
            x = self.norm(o, 12, at["gain_o"], outputs)
        else:
            x = quantise(o, 12, outputs)
            self.put(activations(x))
        return self.linear_add(x, outputs, at["o"], h)

    def mixture(self, at, routed, x, h):
        inputs = self.m.a["bits"][0]
        choices = route(self.linear(x, inputs, at["router"], 16, 1 << 30), routed[1], routed[2])
        self.put(b"".join(i.to_bytes(2, "little") + gate.to_bytes(4, "little") for i, gate in choices))
        ys = [(gate, self.feed_forward(at["experts"][i], x)) for i, gate in choices]
        if at["shared"]:
            ys.append((1 << 15, self.feed_forward(at["shared"], x)))
        h = [clamp(p + shift_round(sum(g * y[i] for g, y in ys), 15), 1 << 28) for i, p in enumerate(h)]
        self.put(i32(h), 256)
        return h

    def push(self, token, target=0):
        a, e, self.at = self.m.a, self.m.embedding, 0
        f, inputs = a["fraction"], a["bits"][0]
        h = [e.scale.shifted(f - e.unit).product(w, 1 << 28) for w in e.w[token]]
        self.put(i32(h), 256)
        for at, past, routed in zip(self.m.layers, self.past, a["routed"]):
            h = self.attention(at, past, h)
            x = self.norm(h, f, at["gain_f"], inputs)
            if routed:
                h = self.mixture(at, routed, x, h)
            else:
                h = self.linear_add(self.hidden(at["dense"], x), a["bits"][2], at["dense"][3], h)
        z = self.linear(self.norm(h, f, self.m.head_gain, inputs), inputs, self.m.head, 16, 1 << 30)
        chunks = [z[i:i + 4096] for i in range(0, len(z), 4096)]
        self.put(i32(max(chunk) for chunk in chunks), 4)
        self.put(b"".join(sum(exp2(max(z) - x) for x in chunk).to_bytes(8, "little") for chunk in chunks), 8)
        self.put(loss(z, target).to_bytes(8, "little"))
        self.t += 1
        return z


def tree(hashes):
    while len(hashes) > 1:
        hashes = [blake2(*hashes[i:i + 16]) for i in range(0, len(hashes), 16)]
    return hashes[0]


def trace_root(trace, total):
    outputs = trace + [([total.to_bytes(8, "little")], 8)]
    row_hash = lambda row, block: tree([blake2(row[i:i + block]) for i in range(0, len(row), block)])
    return blake2(*(tree([row_hash(row, block) for row in rows]) for rows, block in outputs))


def loss(z, target):
    return log2(sum(exp2(max(z) - one) for one in z), 16) - (30 << 16) + max(z) - z[target]


def sample(z, position):
    """Temperature 1, top-p 230, seed of 32 sevens."""
    order = sorted(range(len(z)), key=lambda i: (-z[i], i))
    terms = [exp2(min(max(z) - z[i], (1 << 32) - 1)) >> 6 for i in order]
    kept, reached = [], 0
    for token, term in zip(order, terms):
        if kept and reached << 8 >= sum(terms) * 230:
            break
        kept.append(token)
        reached += term
    def noisy(token):
        message = b"blyan/sample/2" + bytes([7] * 32) + position.to_bytes(8, "little") + (token // 4).to_bytes(4, "little")
        word = max(1, int.from_bytes(blake2(message)[token % 4 * 8:token % 4 * 8 + 8], "little"))
        exponential = max(1, (64 << 32) - log2(word, 32))
        return (32 << 16) - log2(exponential, 16) - (max(z) - z[token])
    return max(kept, key=lambda token: (noisy(token), -token))


def golden(name):
    text = (HERE / f"{name}.in").read_text().replace("_", "")
    numbers = lambda field: [int(n) for n in re.search(field + r": \[?([\d,\s]+)\]?", text)[1].replace(",", " ").split()]
    return bytes(numbers("logits")), bytes(numbers("trace")), numbers("loss")[0], numbers("sampled")


def main():
    wrong = False
    for name in sys.argv[1:] or FAMILIES:
        model = Model(name)
        stream = Stream(b"ids")
        ids = [stream.below(model.a["vocabulary"]) for _ in range(20)]
        execution = Execution(model)
        rows = [execution.push(token, target) for token, target in zip(ids, ids[1:])]
        logits = blake2(*(i32(row) for row in rows))
        total = sum(loss(row, target) for row, target in zip(rows, ids[1:]))
        trace = trace_root(execution.trace, total)
        execution, sampled = Execution(model), []
        for token in ids[:4]:
            row = execution.push(token)
        for index in range(8):
            sampled.append(sample(row, 4 + index))
            row = execution.push(sampled[-1])
        same = golden(name) == (logits, trace, total, sampled)
        wrong |= not same
        print(f"{name}: {'the same' if same else f'differs: {logits.hex()} {trace.hex()} {total} {sampled}'}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
