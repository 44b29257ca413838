"""Opens one expert out of many from a pickle and from a safetensors file, and uses it once.

Takes commands on standard input, one a line, so that both sides of a comparison take turns:
    write DIR           makes DIR/experts.pickle of DIR/experts.safetensors
    NAME open|use I     NAME is pickle or safetensors, I an expert; answers with seconds and a checksum
Tensors are the same bytes on every side: 2-bit weights, four a byte, the first in the lowest bits, as w + 1.
A first use is the product of the expert's `up` with ones, in float32 after unpacking.
"""

import gc
import os
import pickle
import sys
import time

import numpy
from safetensors import safe_open
from safetensors.numpy import load_file

FOUR = numpy.array([[(byte >> shift & 3) - 1 for shift in (0, 2, 4, 6)] for byte in range(256)], numpy.float32)


def multiply(codes, columns):
    weights = FOUR[codes].reshape(-1, columns)
    return weights @ numpy.ones(columns, numpy.float32)


def write(folder):
    tensors = load_file(os.path.join(folder, "experts.safetensors"))
    experts = {}
    for name, tensor in tensors.items():
        index, part = name.split(".")
        experts.setdefault(int(index), {})[part] = tensor
    path = os.path.join(folder, "experts.pickle")
    with open(path, "wb") as file:
        pickle.dump([experts[index] for index in sorted(experts)], file, protocol=pickle.HIGHEST_PROTOCOL)
        file.flush()
        os.fsync(file.fileno())


def measure(folder, name, what, index, columns):
    gc.collect()
    began = time.perf_counter()
    if name == "pickle":
        with open(os.path.join(folder, "experts.pickle"), "rb") as file:
            codes = pickle.load(file)[index]["up"]
        checksum = float(multiply(codes, columns).sum()) if what == "use" else 0.0
        seconds = time.perf_counter() - began
    else:
        with safe_open(os.path.join(folder, "experts.safetensors"), framework="numpy") as file:
            checksum = float(multiply(file.get_tensor(f"{index}.up"), columns).sum()) if what == "use" else 0.0
            seconds = time.perf_counter() - began
    return seconds, checksum


def main():
    folder, columns = sys.argv[1], int(sys.argv[2])
    multiply(numpy.ones(columns, numpy.uint8), columns)
    for line in sys.stdin:
        command = line.split()
        if command[0] == "write":
            write(folder)
            print("ok", flush=True)
        else:
            name, what, index = command
            seconds, checksum = measure(folder, name, what, int(index), columns)
            print(seconds, checksum, flush=True)


main()
