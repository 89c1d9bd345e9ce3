#include <omp.h>

#include <algorithm>
#include <numeric>

#include "../failure.h"
#include "distance-computer.h"
#include "graph.h"
#include "lists.h"

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

// Links vertices, on one thread.
struct Linker {
  faiss::HNSW& hnsw;
  const Landmarks* landmarks;  // Where to begin; null or empty: at the entry point.
  const uint8_t* codes;
  size_t bytes;
  std::vector<omp_lock_t>& locks;
  faiss::VisitedTable& visited;

  void link(const uint32_t* vertices, size_t count) {
    HammingComputer computer(codes, bytes);
    std::vector<uint32_t> nearest;
    if (landmarks != nullptr && landmarks->size() > 0) nearest = landmarksOf(vertices, count);
    for (size_t i = 0; i < count; i++) {
      const uint8_t* const code = codes + size_t{vertices[i]} * bytes;
      computer.set_query(reinterpret_cast<const float*>(code));
      const int level = hnsw.levels[vertices[i]] - 1;
      if (nearest.empty()) {
        hnsw.add_with_locks(computer, level, static_cast<int>(vertices[i]), locks, visited);
      } else {
        linkFrom(landmarks->vertex(nearest[i]), computer, code, vertices[i], level);
      }
    }
  }

  // faiss's add_with_locks, from another place.
  void linkFrom(uint32_t landmark, HammingComputer& computer, const uint8_t* code, uint32_t vertex, int level) {
    Place at{landmark, static_cast<uint16_t>(computer(landmark))};
    if (level == 0) at = descend(computer.kernel, hnsw, codes, bytes, code, 1, at);
    omp_set_lock(&locks[vertex]);
    for (int on = level; on >= 0; on--) {
      hnsw.add_links_starting_from(computer, static_cast<int>(vertex), static_cast<int>(at.vertex), at.distance, on,
                                   locks.data(), visited);
    }
    omp_unset_lock(&locks[vertex]);
  }

  std::vector<uint32_t> landmarksOf(const uint32_t* vertices, size_t count) {
    std::vector<uint8_t> rows(count * bytes);
    for (size_t i = 0; i < count; i++)
      std::copy_n(codes + size_t{vertices[i]} * bytes, bytes, rows.data() + i * bytes);
    std::vector<uint32_t> nearest(count);
    const Stop never{0};
    assignRows(rows.data(), count, bytes, landmarks->codes(), landmarks->size(), nearest.data(), 1, never);
    return nearest;
  }
};

}  // namespace

void addToGraph(faiss::HNSW& hnsw, Landmarks& landmarks, const uint8_t* codes, size_t rows, size_t bytes,
                size_t threads, const Stop& stop, const std::function<void(size_t)>& done) {
  const size_t first = hnsw.levels.size();
  if (rows <= first) return;
  for (size_t row = first; row < rows; row++) hnsw.levels.push_back(hnsw.random_level() + 1);
  raiseLandmarks(hnsw.levels, landmarks, codes, first, rows, bytes, threads, stop);
  hnsw.prepare_level_tab(rows - first, true);
  // From the highest level down, as faiss does: a vertex finds the upper links already there.
  std::vector<uint32_t> order(rows - first);
  std::iota(order.begin(), order.end(), static_cast<uint32_t>(first));
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return hnsw.levels[a] > hnsw.levels[b]; });

  Locks locks(rows);
  std::atomic<size_t> linked{0}, next{0};
  const auto linkAll = [&](size_t end, const Landmarks* entries) {
    parallel(threads, threads, [&](size_t) {
      faiss::VisitedTable visited(static_cast<int>(rows));
      Linker linker{hnsw, entries, codes, bytes, locks.all, visited};
      for (size_t from; (from = next.fetch_add(atOnce)) < end;) {
        if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
        const size_t to = std::min(end, from + atOnce);
        linker.link(order.data() + from, to - from);
        done(linked += to - from);
      }
    });
    next = std::max<size_t>(1, end);
  };
  // Two threads must not both find an empty graph: the first vertex goes in alone.
  faiss::VisitedTable alone(static_cast<int>(rows));
  Linker{hnsw, nullptr, codes, bytes, locks.all, alone}.link(order.data(), 1);
  next = linked = 1;
  const size_t upper = static_cast<size_t>(
      std::partition_point(order.begin(), order.end(), [&](uint32_t vertex) { return isLandmark(hnsw, vertex); }) -
      order.begin());
  linkAll(upper, nullptr);
  landmarks.add(hnsw, codes, first, rows, bytes);
  linkAll(order.size(), &landmarks);
}

}  // namespace nestbit
