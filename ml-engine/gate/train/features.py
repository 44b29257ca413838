"""Features of a text, in integers: the same as src/features.rs computes, by the vectors in tests/golden.json."""

import math
import re
from dataclasses import dataclass

import numpy as np

BASIS, PRIME, GOLDEN = 0x811C9DC5, 0x01000193, 0x9E3779B9
WORD, PAIR = 16, 32
MASK = 0xFFFFFFFF
WORDS = re.compile(rb"[a-z0'\x80-\xff]+")


@dataclass(frozen=True)
class View:
    """What a classifier sees of a text."""

    bytes_max: int
    grams: tuple
    words: bool
    pairs: bool
    bits: int


VIEWS = {
    "quality": View(1024, (2, 3), False, True, 12),
    "language": View(512, (2, 3, 4), False, False, 12),
    "toxicity": View(1024, (4,), True, False, 13),
}

# Small letters, one digit, one space.
TABLE = bytes(
    ord("0") if 48 <= b <= 57 else b + 32 if 65 <= b <= 90 else 32 if b in b" \t\n\r\x0b\x0c" else b for b in range(256)
)
SPACES = re.compile(rb" +")


def plain(text, bytes_max):
    """The bytes that are looked at."""
    return SPACES.sub(b" ", b" " + text.encode("utf-8", "surrogatepass")[:bytes_max].translate(TABLE) + b" ")


def mix(hashes, kind):
    """The place of a hash of a kind, in 32 bits."""
    h = (hashes + np.uint64(kind * GOLDEN & MASK)) & np.uint64(MASK)
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(0x2C1B3C6D)) & np.uint64(MASK)
    return h ^ (h >> np.uint64(12))


def fnv(data):
    """FNV-1a of bytes."""
    h = BASIS
    for byte in data:
        h = (h ^ byte) * PRIME & MASK
    return h


def counts(text, view):
    """Counts of the places of a text's features, as an array of 2^bits."""
    data = plain(text, view.bytes_max)
    array = np.frombuffer(data, dtype=np.uint8).astype(np.uint64)
    found = []
    h = np.full(len(array), BASIS, dtype=np.uint64)
    for n in range(1, max(view.grams) + 1):
        if len(array) < n:
            break
        h = h[: len(array) - n + 1]
        h = ((h ^ array[n - 1 :]) * np.uint64(PRIME)) & np.uint64(MASK)
        if n in view.grams:
            found.append(mix(h, n))
    if view.words or view.pairs:
        words = np.array([fnv(word) for word in WORDS.findall(data)], dtype=np.uint64)
        if view.words and len(words):
            found.append(mix(words, WORD))
        if view.pairs and len(words) > 1:
            first = ((words << np.uint64(5)) | (words >> np.uint64(27))) & np.uint64(MASK)
            pairs = ((first[:-1] ^ words[1:]) * np.uint64(PRIME)) & np.uint64(MASK)
            found.append(mix(pairs, PAIR))
    places = np.concatenate(found) if found else np.zeros(0, dtype=np.uint64)
    places = (places >> np.uint64(32 - view.bits)).astype(np.int64)
    return np.bincount(places, minlength=1 << view.bits)


ROOTS = np.array([math.isqrt(256 * n) for n in range(256)], dtype=np.int64)


def sparse(text, view):
    """Places, their values (sixteen times the root of the count) and the length of the vector, in integers."""
    all_counts = counts(text, view)
    places = np.nonzero(all_counts)[0]
    values = ROOTS[np.minimum(all_counts[places], 255)]
    norm = max(1, math.isqrt(int((values * values).sum())))
    return places, values, norm


def matrix(texts, view):
    """The vectors of many texts, as a sparse matrix of float32."""
    from scipy.sparse import csr_matrix

    starts, places, values = [0], [], []
    for text in texts:
        at, value, norm = sparse(text, view)
        places.append(at)
        values.append(value.astype(np.float32) / np.float32(norm))
        starts.append(starts[-1] + len(at))
    shape = (len(texts), 1 << view.bits)
    return csr_matrix((np.concatenate(values), np.concatenate(places), starts), shape=shape)
