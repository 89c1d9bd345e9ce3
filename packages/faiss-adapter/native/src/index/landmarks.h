// Vertices that every search of a graph looks at first: its upper levels, with one vertex at least in every
// region of the data.
#pragma once

#include <faiss/impl/HNSW.h>

#include <vector>

#include "../kernels/kernel.h"
#include "../parallel.h"

namespace nestbit {

// The vertices of level 2 and above, their codes side by side.
class Landmarks {
 public:
  // Takes in the vertices [from, to) of codes (rows, bytes).
  void add(const faiss::HNSW& hnsw, const uint8_t* codes, size_t from, size_t to, size_t bytes);

  size_t size() const { return vertices_.size(); }
  uint32_t vertex(size_t at) const { return vertices_[at]; }
  const uint8_t* codes() const { return codes_.data(); }

 private:
  std::vector<uint32_t> vertices_;
  std::vector<uint8_t> codes_;
};

inline bool isLandmark(const faiss::HNSW& hnsw, uint32_t vertex) { return hnsw.levels[vertex] > 2; }

// Raises more of the new vertices [first, rows) to level 2: those farthest from all that are there already
// (farthest-first traversal, Gonzalez 1985) among a sample. A graph of separate clusters has no path from one to
// the other, and random levels miss the small ones. levels (vertices) as faiss has them, 1 for the lowest. Seeded
// by nothing: the same codes and levels give the same. Throws Failure ABORTED.
void raiseLandmarks(std::vector<int>& levels, const Landmarks& known, const uint8_t* codes, size_t first, size_t rows,
                    size_t bytes, size_t threads, const Stop& stop);

}  // namespace nestbit
