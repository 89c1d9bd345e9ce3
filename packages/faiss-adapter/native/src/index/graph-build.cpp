#include <omp.h>

#include <algorithm>
#include <numeric>

#include "../failure.h"
#include "distance-computer.h"
#include "graph.h"

namespace nestbit {
namespace {

// Vertices that one thread links before it looks for more.
constexpr size_t atOnce = 256;

struct Locks {
  explicit Locks(size_t count) : all(count) {
    for (auto& lock : all) omp_init_lock(&lock);
  }
  ~Locks() {
    for (auto& lock : all) omp_destroy_lock(&lock);
  }
  std::vector<omp_lock_t> all;
};

}  // namespace

void addToGraph(faiss::HNSW& hnsw, const uint8_t* codes, size_t rows, size_t bytes, size_t threads, const Stop& stop,
                const std::function<void(size_t)>& done) {
  const size_t first = hnsw.levels.size();
  if (rows <= first) return;
  hnsw.prepare_level_tab(rows - first, false);
  // From the highest level down, as faiss does: a vertex finds the upper links already there.
  std::vector<uint32_t> order(rows - first);
  std::iota(order.begin(), order.end(), static_cast<uint32_t>(first));
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return hnsw.levels[a] > hnsw.levels[b]; });

  Locks locks(rows);
  std::atomic<size_t> linked{0};
  // Two threads must not both find an empty graph: the first vertex goes in alone.
  const auto link = [&](size_t from, size_t to, faiss::VisitedTable& visited) {
    HammingComputer computer(codes, bytes);
    for (size_t i = from; i < to; i++) {
      const uint32_t vertex = order[i];
      computer.set_query(reinterpret_cast<const float*>(codes + size_t{vertex} * bytes));
      hnsw.add_with_locks(computer, hnsw.levels[vertex] - 1, static_cast<int>(vertex), locks.all, visited);
    }
    done(linked += to - from);
  };
  faiss::VisitedTable alone(static_cast<int>(rows));
  link(0, 1, alone);
  std::atomic<size_t> next{1};
  parallel(threads, threads, [&](size_t) {
    faiss::VisitedTable visited(static_cast<int>(rows));
    for (size_t from; (from = next.fetch_add(atOnce)) < order.size();) {
      if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
      link(from, std::min(order.size(), from + atOnce), visited);
    }
  });
}

}  // namespace nestbit
