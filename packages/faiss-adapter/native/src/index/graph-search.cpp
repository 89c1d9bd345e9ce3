#include <algorithm>

#include "graph.h"

namespace nestbit {
namespace {

struct Links {
  const int* first;
  size_t count;
};

Links linksOf(const faiss::HNSW& hnsw, uint32_t vertex, int level) {
  size_t begin, end;
  hnsw.neighbor_range(vertex, level, &begin, &end);
  const int* first = &hnsw.neighbors[begin];
  size_t count = 0;
  // -1 ends the list.
  while (count < end - begin && first[count] >= 0) count++;
  return {first, count};
}

}  // namespace

void Seen::begin(size_t vertices) {
  if (marks_.size() < vertices) marks_.resize(vertices, 0);
  if (++mark_ == 0) {
    std::fill(marks_.begin(), marks_.end(), 0);
    mark_ = 1;
  }
}

void searchGraph(const Kernel& kernel, const GraphSearch& search, const uint8_t* query, Seen& seen, Nearest& nearest) {
  const faiss::HNSW& hnsw = search.hnsw;
  if (hnsw.entry_point < 0) return;
  uint32_t best = static_cast<uint32_t>(hnsw.entry_point);
  uint16_t distance;
  kernel.distances(query, search.codes + size_t{best} * search.bytes, 1, search.bytes, &distance);
  std::vector<uint16_t> distances;
  std::vector<uint32_t> fresh;

  // Greedy descent through the upper levels.
  for (int level = hnsw.max_level; level > 0; level--) {
    for (bool moved = true; moved;) {
      moved = false;
      const Links links = linksOf(hnsw, best, level);
      distances.resize(links.count);
      fresh.assign(links.first, links.first + links.count);
      kernel.gather(query, search.codes, fresh.data(), links.count, search.bytes, distances.data());
      for (size_t i = 0; i < links.count; i++) {
        if (distances[i] >= distance) continue;
        distance = distances[i];
        best = fresh[i];
        moved = true;
      }
    }
  }

  const auto found = [&](uint32_t vertex, uint16_t at) {
    if (vertex >= search.rows) return;
    if (search.pass == nullptr || (search.pass[vertex >> 6] >> (vertex & 63) & 1) != 0) nearest.offer(vertex, at);
  };
  seen.begin(hnsw.levels.size());
  // The nearest vertices so far. faiss's own heap, since which of equal ones stay decides where the walk goes.
  faiss::HNSW::MinimaxHeap beam(static_cast<int>(search.efSearch));
  seen.add(best);
  found(best, distance);
  beam.push(static_cast<int>(best), distance);
  while (beam.size() > 0) {
    const Links links = linksOf(hnsw, static_cast<uint32_t>(beam.pop_min()), 0);
    fresh.clear();
    for (size_t i = 0; i < links.count; i++)
      if (seen.add(static_cast<uint32_t>(links.first[i]))) fresh.push_back(static_cast<uint32_t>(links.first[i]));
    distances.resize(fresh.size());
    kernel.gather(query, search.codes, fresh.data(), fresh.size(), search.bytes, distances.data());
    for (size_t i = 0; i < fresh.size(); i++) {
      found(fresh[i], distances[i]);
      beam.push(static_cast<int>(fresh[i]), distances[i]);
    }
  }
}

}  // namespace nestbit
