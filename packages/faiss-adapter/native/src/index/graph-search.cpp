#include <algorithm>

#include "graph.h"

namespace nestbit {
namespace {

// Landmarks from which the walk on the lowest level begins.
constexpr size_t entries = 8;

// Where the walk begins, by faiss's own descent from the entry point.
std::vector<Place> fromTop(const Kernel& kernel, const GraphSearch& search, const uint8_t* query) {
  Place at{static_cast<uint32_t>(search.hnsw.entry_point), 0};
  kernel.distances(query, search.codes + size_t{at.vertex} * search.bytes, 1, search.bytes, &at.distance);
  for (int level = search.hnsw.max_level; level > 0; level--)
    at = descend(kernel, search.hnsw, search.codes, search.bytes, query, level, at);
  return {at};
}

// The landmarks nearest to the query, and where the walk from the nearest ends on level 1.
std::vector<Place> fromLandmarks(const Kernel& kernel, const GraphSearch& search, const uint8_t* query) {
  const Landmarks& landmarks = *search.landmarks;
  std::vector<uint16_t> distances(landmarks.size());
  kernel.distances(query, landmarks.codes(), landmarks.size(), search.bytes, distances.data());
  Nearest closest(std::min(entries, landmarks.size()), search.bytes);
  for (size_t i = 0; i < landmarks.size(); i++) closest.offer(static_cast<uint32_t>(i), distances[i]);
  std::vector<uint32_t> found(closest.size());
  std::vector<uint16_t> at(closest.size());
  closest.finish(found.data(), at.data());
  std::vector<Place> places;
  for (size_t i = 0; i < found.size(); i++) places.push_back({landmarks.vertex(found[i]), at[i]});
  places.push_back(descend(kernel, search.hnsw, search.codes, search.bytes, query, 1, places[0]));
  return places;
}

// The links of a vertex while others may be changing them, as a build does without a lock here: each is read once, since
// one that was there may be -1 a moment later.
void copyLinks(const faiss::HNSW& hnsw, uint32_t vertex, int level, std::vector<uint32_t>& links) {
  size_t begin, end;
  hnsw.neighbor_range(vertex, level, &begin, &end);
  links.clear();
  for (; begin < end; begin++) {
    const int link = __atomic_load_n(&hnsw.neighbors[begin], __ATOMIC_RELAXED);
    if (link < 0 || static_cast<size_t>(link) >= hnsw.levels.size()) return;
    links.push_back(static_cast<uint32_t>(link));
  }
}

}  // namespace

Links linksOf(const faiss::HNSW& hnsw, uint32_t vertex, int level) {
  size_t begin, end;
  hnsw.neighbor_range(vertex, level, &begin, &end);
  const int* first = &hnsw.neighbors[begin];
  size_t count = 0;
  // -1 ends the list.
  while (count < end - begin && first[count] >= 0) count++;
  return {first, count};
}

Place descend(const Kernel& kernel, const faiss::HNSW& hnsw, const uint8_t* codes, size_t bytes, const uint8_t* query,
              int level, Place from) {
  std::vector<uint16_t> distances;
  std::vector<uint32_t> next;
  for (bool moved = true; moved;) {
    moved = false;
    copyLinks(hnsw, from.vertex, level, next);
    distances.resize(next.size());
    kernel.gather(query, codes, next.data(), next.size(), bytes, distances.data());
    for (size_t i = 0; i < next.size(); i++) {
      if (distances[i] >= from.distance) continue;
      from = {next[i], distances[i]};
      moved = true;
    }
  }
  return from;
}

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
  const bool wide = search.landmarks != nullptr && search.landmarks->size() > 0;
  const std::vector<Place> begin = wide ? fromLandmarks(kernel, search, query) : fromTop(kernel, search, query);
  std::vector<uint16_t> distances;
  std::vector<uint32_t> fresh;

  const auto found = [&](uint32_t vertex, uint16_t at) {
    if (vertex >= search.rows) return;
    if (search.pass == nullptr || (search.pass[vertex >> 6] >> (vertex & 63) & 1) != 0) nearest.offer(vertex, at);
  };
  seen.begin(hnsw.levels.size());
  // The nearest vertices so far. faiss's own heap, since which of equal ones stay decides where the walk goes.
  faiss::HNSW::MinimaxHeap beam(static_cast<int>(search.efSearch));
  for (const Place& place : begin) {
    if (!seen.add(place.vertex)) continue;
    found(place.vertex, place.distance);
    beam.push(static_cast<int>(place.vertex), place.distance);
  }
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
