"""The numpy side of bench:encode: prints milliseconds as JSON. Arguments: rows width kept repeats."""
import json
import sys
import time

import numpy as np

rows, width, kept, repeats = map(int, sys.argv[1:])
rng = np.random.default_rng(1)
x = rng.standard_normal((rows, width), dtype=np.float32)
x /= np.linalg.norm(x, axis=1, keepdims=True)
lo = np.full(kept, -0.2, np.float32)
step = np.full(kept, 0.4 / 255, np.float32)


def encode(block):
    t = block[:, :kept]
    t = t / np.linalg.norm(t, axis=1, keepdims=True)
    codes = (np.clip(np.floor((t - lo) / step), 0, 255) - 128).astype(np.int8)
    return np.packbits(t > 0, axis=1), codes


def best(run):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


print(
    json.dumps(
        {
            "numpy, plain": best(lambda: encode(x)),
            "numpy, in blocks of 256 rows": best(lambda: [encode(x[i : i + 256]) for i in range(0, rows, 256)]),
        }
    )
)
