// HNSW (Malkov and Yashunin 2017) over faiss's link structure: building on our threads, searching by our kernel.
#pragma once

#include <faiss/impl/HNSW.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "../kernels/kernel.h"
#include "../kernels/nearest.h"
#include "../parallel.h"
#include "landmarks.h"

namespace nestbit {

// Which vertices a search has seen. One byte a vertex, reused from search to search.
class Seen {
 public:
  void begin(size_t vertices);
  // Whether the vertex is new, and it is not any more.
  bool add(uint32_t vertex) {
    if (marks_[vertex] == mark_) return false;
    marks_[vertex] = mark_;
    return true;
  }

 private:
  std::vector<uint8_t> marks_;
  uint8_t mark_ = 0;
};

// The links of a vertex on a level, which nobody changes meanwhile.
struct Links {
  const int* first;
  size_t count;
};
Links linksOf(const faiss::HNSW& hnsw, uint32_t vertex, int level);

// A vertex and its distance from a query.
struct Place {
  uint32_t vertex;
  uint16_t distance;
};

// Walks from a vertex to nearer ones on a level, until none is.
Place descend(const Kernel& kernel, const faiss::HNSW& hnsw, const uint8_t* codes, size_t bytes, const uint8_t* query,
              int level, Place from);

// Adds vertices [hnsw.levels.size(), rows) of codes (rows, bytes), and the landmarks among them. Throws Failure
// ABORTED, after which the graph is of no use. `done` is called with the number of vertices linked so far.
void addToGraph(faiss::HNSW& hnsw, Landmarks& landmarks, const uint8_t* codes, size_t rows, size_t bytes,
                size_t threads, const Stop& stop, const std::function<void(size_t)>& done);

struct GraphSearch {
  const faiss::HNSW& hnsw;
  const uint8_t* codes;  // (vertices, bytes)
  size_t bytes;
  const Landmarks* landmarks;  // Where the walk begins; null: at the entry point, as faiss does.
  size_t efSearch;       // Vertices kept while searching; more cost time and find more.
  size_t rows;           // Rows below this may be found; others are walked through.
  const uint64_t* pass;  // Those of them that may be found, as a bitmap; null: all.
};

// Offers what a beam search finds.
void searchGraph(const Kernel& kernel, const GraphSearch& search, const uint8_t* query, Seen& seen, Nearest& nearest);

}  // namespace nestbit
