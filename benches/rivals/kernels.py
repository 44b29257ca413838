"""Products of f32 matrices through numpy and its OpenBLAS, on one thread.

Reads lines `rows cols tokens seconds` and answers each with the fastest call's seconds.
"""

import os

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ[name] = "1"

import sys
import time

import numpy

random = numpy.random.default_rng(1)
print(f"numpy {numpy.__version__}", flush=True)
weights = {}
for line in sys.stdin:
    rows, cols, tokens, seconds = line.split()
    rows, cols, tokens = int(rows), int(cols), int(tokens)
    if (rows, cols) not in weights:
        weights = {(rows, cols): random.standard_normal((rows, cols), dtype=numpy.float32)}
    matrix = weights[rows, cols]
    inputs = random.standard_normal((cols, tokens), dtype=numpy.float32)
    out = numpy.empty((rows, tokens), dtype=numpy.float32)
    fastest = float("inf")
    end = time.perf_counter() + float(seconds)
    while time.perf_counter() < end:
        began = time.perf_counter()
        numpy.matmul(matrix, inputs, out=out)
        fastest = min(fastest, time.perf_counter() - began)
    print(fastest, flush=True)
