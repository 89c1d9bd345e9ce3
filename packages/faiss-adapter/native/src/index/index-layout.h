// What stands where in a file of faiss's binary format, checked before faiss reads it: faiss trusts the numbers that
// it finds there while it reads.
#pragma once

#include <cstdint>
#include <cstdio>
#include <vector>

namespace nestbit {

// Bytes of a file that say how the rest is to be read.
struct LayoutPiece {
  uint64_t offset;
  std::vector<uint8_t> bytes;
};

// Walks a file of `size` bytes from its start: a flat, IVF or HNSW index over flat codes, or an id map around one.
// Every part that is counted fits into the file, and the counts agree: rows, codes, ids, lists, levels. Reads only
// the pieces that it returns, in their order. Throws Failure INDEX_INVALID.
std::vector<LayoutPiece> checkLayout(FILE* file, uint64_t size);

}  // namespace nestbit
