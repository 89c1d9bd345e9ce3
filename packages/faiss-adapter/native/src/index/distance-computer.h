// faiss's seam for graph building, with our kernel behind it.
#pragma once

#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/HNSW.h>
#if __has_include(<faiss/impl/DistanceComputer.h>)
#include <faiss/impl/DistanceComputer.h>
#endif
#if __has_include(<faiss/impl/VisitedTable.h>)
#include <faiss/impl/VisitedTable.h>
#endif

#include "../kernels/kernel.h"

namespace nestbit {

// Hamming distances between one row and others of flat codes (rows, bytes).
struct HammingComputer : faiss::DistanceComputer {
  HammingComputer(const uint8_t* codes, size_t bytes) : codes(codes), bytes(bytes), kernel(nestbit::kernel()) {}

  // faiss passes every query as float*; ours are packed bits.
  void set_query(const float* x) override { query = reinterpret_cast<const uint8_t*>(x); }

  float operator()(int64_t row) override {
    uint16_t distance;
    kernel.distances(query, codes + static_cast<size_t>(row) * bytes, 1, bytes, &distance);
    return distance;
  }

  float symmetric_dis(int64_t a, int64_t b) override {
    uint16_t distance;
    kernel.distances(codes + static_cast<size_t>(a) * bytes, codes + static_cast<size_t>(b) * bytes, 1, bytes,
                     &distance);
    return distance;
  }

  const uint8_t* codes;
  size_t bytes;
  const Kernel& kernel;
  const uint8_t* query = nullptr;
};

}  // namespace nestbit
