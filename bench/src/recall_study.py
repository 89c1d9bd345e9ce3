"""What codes that nestbit does not have would keep of the exact top 10. Called by recall.ts.

Arguments: folder with docs.f32 and queries.f32, dimensions, name of the set. Prints a line for each kind of code: the
share of the exact top 10 among the best C rows, for each C of COUNTS.
"""

import sys

import numpy as np

COUNTS = [20, 50, 100, 200, 400, 1000, 1600]
folder, n, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rng = np.random.default_rng(0)


def load(part):
    x = np.fromfile(f"{folder}/{part}.f32", np.float32).reshape(-1, n)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def share(scores, truth):
    counts = [c for c in COUNTS if c <= scores.shape[1]]
    most = counts[-1]
    best = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
    best = np.take_along_axis(best, order, 1)
    return [np.mean([np.isin(t, b[:c]).mean() for t, b in zip(truth, best)]) for c in counts]


def random_rotation():
    return np.linalg.qr(rng.standard_normal((n, n)))[0].astype(np.float32)


def itq(y, rounds=40):
    """Iterative quantization (Gong and Lazebnik, CVPR 2011): the rotation that brings rows nearest to their signs."""
    rotation = random_rotation()
    for _ in range(rounds):
        u, _, vt = np.linalg.svd(y.T @ np.sign(y @ rotation))
        rotation = (u @ vt).astype(np.float32)
    return rotation


def two_bits(y):
    """Four levels, of least error on a normal distribution (Max 1960), scaled by the row's deviation."""
    threshold = 0.9816 * y.std(axis=1, keepdims=True)
    return np.sign(y) * np.where(np.abs(y) > threshold, 1.510, 0.4528)


def four_bits(q):
    step = np.abs(q).max(axis=1, keepdims=True) / 7.5
    return (np.floor(q / step) + 0.5) * step


docs, queries = load("docs"), load("queries")
truth = np.argsort(-(queries @ docs.T), axis=1)[:, :10]
mean = docs.mean(axis=0)
sample = docs[rng.permutation(len(docs))[:20000]] - mean
print(f"study of {name}: share of the exact top 10 among the best {COUNTS}")
for label, rotation in [("random rotation", random_rotation()), ("ITQ", itq(sample))]:
    y, q = (docs - mean) @ rotation, (queries - mean) @ rotation
    squared = (y**2).sum(axis=1)
    signs = np.sign(y)
    f = squared / np.abs(y).sum(axis=1)
    levels = two_bits(y)
    f2 = squared / (y * levels).sum(axis=1)
    kinds = {
        "Hamming": np.sign(q) @ signs.T,
        "query of 4 bits": four_bits(q) @ signs.T,
        "query of 4 bits, f and r": (four_bits(q) @ signs.T) * f - squared / 2,
        "bit score": (q @ signs.T) * f - squared / 2,
        "2 bits, f and r": (q @ levels.T) * f2 - squared / 2,
    }
    for kind, scores in kinds.items():
        row = " ".join(f"{value:.4f}" for value in share(scores, truth))
        print(f"{label:16} {kind:26} {row}", flush=True)
