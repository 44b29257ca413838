#!/usr/bin/env python3
"""Likeness of adapters that were trained apart, and the gain that noise leaves: the table of pallets/proof-of-learning/README.md.

A gated network between frozen matrices learns the changes of another one through adapters (Adam, 8-bit codes). Needs numpy; takes
minutes on one core.

    scripts/adapter_likeness.py              the table
    scripts/adapter_likeness.py --further    the groups below it: larger batches, a step size that falls to zero, lower ranks
"""

import sys

import numpy as np

WIDTH, HIDDEN, RANK, EXAMPLES, BATCH, RATE = 48, 96, 8, 1024, 32, 0.003
SHAPES = ((HIDDEN, WIDTH), (HIDDEN, WIDTH), (WIDTH, HIDDEN))


def normal(seed, shapes, scale=1.0):
    source = np.random.default_rng(seed)
    return [scale * source.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]


BASE = normal(0, SHAPES)
TEACHER = [weights + change for weights, change in zip(BASE, normal(1, SHAPES, 0.5))]
SPECTRUM = np.diag(1 / np.sqrt(1 + np.arange(WIDTH) / 4))


def silu(z):
    return z / (1 + np.exp(-z))


def slope(z):
    s = 1 / (1 + np.exp(-z))
    return s * (1 + z * (1 - s))


def network(weights, x):
    gate, up, down = weights
    return (silu(x @ gate.T) * (x @ up.T)) @ down.T


def text(seed, count=EXAMPLES):
    source = np.random.default_rng(seed)
    x = source.normal(size=(count, WIDTH)) @ SPECTRUM
    y = network(TEACHER, x)
    return x, y + 0.1 * source.normal(size=y.shape)


def fresh(seed, rank=RANK):
    source = np.random.default_rng(seed)
    return [
        [source.normal(size=(rank, cols)) / np.sqrt(cols), np.zeros((rows, rank))]
        for rows, cols in SHAPES
    ]


def merged(adapters):
    return [weights + second @ first for weights, (first, second) in zip(BASE, adapters)]


def train(adapters, data, seed, steps, batch=BATCH, decays=False):
    source = np.random.default_rng(seed)
    adapters = [[first.copy(), second.copy()] for first, second in adapters]
    mean = [[0 * first, 0 * second] for first, second in adapters]
    square = [[0 * first, 0 * second] for first, second in adapters]
    for step in range(1, steps + 1):
        chosen = source.integers(0, len(data[0]), batch)
        x, y = data[0][chosen], data[1][chosen]
        gate, up, down = merged(adapters)
        zg, zu = x @ gate.T, x @ up.T
        hidden = silu(zg) * zu
        error = (hidden @ down.T - y) / batch
        back = error @ down
        gradients = ((back * zu * slope(zg)).T @ x, (back * silu(zg)).T @ x, error.T @ hidden)
        for j, (first, second) in enumerate(adapters):
            for half, gradient in enumerate((second.T @ gradients[j], gradients[j] @ first.T)):
                mean[j][half] = 0.9 * mean[j][half] + 0.1 * gradient
                square[j][half] = 0.99 * square[j][half] + 0.01 * gradient * gradient
                a, b = mean[j][half] / (1 - 0.9**step), square[j][half] / (1 - 0.99**step)
                rate = RATE * (1 - step / steps) if decays else RATE
                adapters[j][half] -= rate * a / (np.sqrt(b) + 1e-8)
    return coded(adapters)


def coded(adapters):
    def codes(matrix):
        unit = max(abs(matrix).max(), 1e-9) / 127
        return np.round(matrix / unit) * unit

    return [[codes(first), codes(second)] for first, second in adapters]


def likeness(one, other, parent):
    found = []
    for (a, b), (c, d), (e, f) in zip(one, other, parent):
        x, y = b @ a - f @ e, d @ c - f @ e
        found.append(float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())))
    return max(found)


def noisy(adapters, parent, like, source):
    copy = []
    for (first, second), (a, b) in zip(adapters, parent):
        noise = source.normal(size=second.shape)
        length = np.sqrt(1 / like**2 - 1) * np.linalg.norm(second @ first - b @ a)
        copy.append([first, second + noise * length / np.linalg.norm(noise @ first)])
    return copy


def further():
    same = text(5)
    groups = [
        (f"batches of {batch}, {steps} steps", 3, RANK, dict(steps=steps, batch=batch))
        for batch, steps in ((128, 20), (128, 100), (128, 400), (512, 20), (512, 100))
    ]
    groups.append(("step size falls to zero, 800 steps", 3, RANK, dict(steps=800, decays=True)))
    groups += [(f"rank {rank}, 2000 steps", 4, rank, dict(steps=2000)) for rank in (1, 2, 4)]
    pairs = 0
    for name, count, rank, how in groups:
        parent = train(fresh(50, rank), text(7), 1, 300)
        apart = [train(parent, same, 200 + i, **how) for i in range(count)]
        found = [likeness(apart[i], apart[j], parent) for i in range(count) for j in range(i)]
        pairs += len(found)
        print(f"over one parent, {name}: {max(found):.3f} of {len(found)} pairs", flush=True)
    print(f"{pairs} pairs")


def main():
    same, held_out = text(5), text(6, 2048)
    zero = [[0 * first, 0 * second] for first, second in fresh(99)]

    def loss(adapters):
        return float(((network(merged(adapters), held_out[0]) - held_out[1]) ** 2).mean())

    trained = train(fresh(50), text(7), 1, 300)
    for name, parent, start in (("zero", zero, None), ("parent", trained, trained)):
        for steps in (50, 200, 800, 2000):
            apart = [train(start or fresh(100 + i), same, 200 + i, steps) for i in range(6)]
            pairs = [likeness(apart[i], apart[j], parent) for i in range(6) for j in range(i)]
            others = [train(start or fresh(300), text(8 + i), 400 + i, steps) for i in range(2)]
            other = max(likeness(apart[0], expert, parent) for expert in others)
            gain, source = loss(parent) - loss(apart[0]), np.random.default_rng(3)
            keeps = [
                (loss(parent) - loss(noisy(apart[0], parent, like, source))) / gain for like in (0.98, 0.95)
            ]
            print(
                f"from {name}, {steps} steps: one text {max(pairs):.3f}, another {other:.3f}, "
                f"noise keeps {keeps[0]:.2f} at 0.98 and {keeps[1]:.2f} at 0.95",
                flush=True,
            )


if __name__ == "__main__":
    further() if sys.argv[1:] == ["--further"] else main()
