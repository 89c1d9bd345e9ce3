# What Python's faiss makes of index files: `search index codes queries k` prints distances and labels as JSON;
# `make folder codes` writes an index of every kind and prints their names.
import json
import sys

import faiss
import numpy


def search(path, queries, k):
    index = faiss.read_index_binary(path)
    lists = faiss.try_extract_index_binary_ivf(index) if hasattr(faiss, "try_extract_index_binary_ivf") else None
    if lists is None and isinstance(index, faiss.IndexBinaryIVF):
        lists = index
    if lists is not None:
        lists.nprobe = lists.nlist
    if isinstance(index, faiss.IndexBinaryHNSW):
        index.hnsw.efSearch = 200
    distances, labels = index.search(queries, k)
    return {"kind": type(index).__name__, "rows": index.ntotal, "distances": distances.tolist(), "labels": labels.tolist()}


def make(folder, codes):
    bits = codes.shape[1] * 8
    quantizer = faiss.IndexBinaryFlat(bits)
    made = {
        "flat": faiss.IndexBinaryFlat(bits),
        "ivf": faiss.IndexBinaryIVF(quantizer, bits, 8),
        "hnsw": faiss.IndexBinaryHNSW(bits, 16),
    }
    for name, index in made.items():
        if not index.is_trained:
            index.train(codes)
        index.add(codes)
        faiss.write_index_binary(index, f"{folder}/{name}.faiss")
    return list(made)


def codes_of(path, bytes_a_row):
    return numpy.fromfile(path, "uint8").reshape(-1, bytes_a_row)


command, path, bytes_a_row = sys.argv[1], sys.argv[2], int(sys.argv[3])
if command == "search":
    print(json.dumps(search(path, codes_of(sys.argv[4], bytes_a_row), int(sys.argv[5]))))
else:
    print(json.dumps(make(path, codes_of(sys.argv[4], bytes_a_row))))
