#include "index-checks.h"

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryHNSW.h>
#include <faiss/IndexBinaryIVF.h>
#include <faiss/IndexIDMap.h>
#include <faiss/invlists/InvertedLists.h>

#include "../failure.h"

namespace nestbit {
namespace {

// Of a vertex on one level; we make 1024 at most.
constexpr int64_t mostLinks = 65536;

void check(bool holds, const char* what) {
  if (!holds) throw Failure("INDEX_INVALID", what);
}

void checkSizes(const faiss::IndexBinary& index) {
  // faiss reads a byte of the file into a bool, which may be neither true nor false then.
  check(reinterpret_cast<const unsigned char&>(index.is_trained) <= 1, "whether it is trained is neither true nor false");
  check(index.d > 0 && index.d % 8 == 0 && index.d <= 65528, "its dimensions are no multiple of 8 up to 65528");
  check(index.ntotal >= 0, "its rows are fewer than none");
}

// faiss leaves it unset in an id map.
void checkCodeSize(const faiss::IndexBinary& index) {
  check(index.code_size == index.d / 8, "its codes are not of its dimensions");
}

void checkFlat(const faiss::IndexBinary* index, int dimensions) {
  const auto* flat = dynamic_cast<const faiss::IndexBinaryFlat*>(index);
  check(flat != nullptr, "its codes are not flat");
  checkSizes(*flat);
  check(flat->d == dimensions, "its parts differ in dimensions");
  checkCodeSize(*flat);
  check(flat->xb.size() == static_cast<size_t>(flat->ntotal) * static_cast<size_t>(flat->code_size),
        "its codes are not as many as its rows");
}

// Each link leads to a vertex that is on its level, so that the walk can go on there.
void checkLinks(const faiss::HNSW& graph, size_t row) {
  for (int level = 0; level < graph.levels[row]; level++) {
    size_t begin, end;
    graph.neighbor_range(static_cast<int64_t>(row), level, &begin, &end);
    for (bool ended = false; begin < end; begin++) {
      const int64_t to = graph.neighbors[begin];
      // -1 ends the list; faiss looks at the last place to see whether it is full.
      if (to == -1) ended = true;
      if (to == -1) continue;
      check(!ended, "a list of links goes on behind its end");
      check(to >= 0 && static_cast<size_t>(to) < graph.levels.size(), "a link leads nowhere");
      check(graph.levels[static_cast<size_t>(to)] > level, "a link leaves its level");
    }
  }
}

void checkGraph(const faiss::IndexBinaryHNSW& index) {
  checkFlat(index.storage, index.d);
  const faiss::HNSW& graph = index.hnsw;
  const auto rows = static_cast<size_t>(index.ntotal);
  check(index.storage->ntotal == index.ntotal, "its graph and its codes differ in rows");
  check(graph.levels.size() == rows && graph.offsets.size() == rows + 1, "its graph and its rows differ");
  check(graph.offsets.back() == graph.neighbors.size(), "its links are not as many as it says");
  const auto& places = graph.cum_nneighbor_per_level;
  check(!graph.assign_probas.empty() && graph.assign_probas.size() < places.size() && places[0] == 0,
        "its levels have no places");
  for (size_t level = 1; level < places.size(); level++) {
    const int64_t links = int64_t{places[level]} - places[level - 1];
    check(links >= 0 && links <= mostLinks, "a level has too many places or fewer than none");
  }
  check(graph.offsets[0] == 0, "its links do not start with the first row");
  for (size_t row = 0; row < rows; row++) {
    const int levels = graph.levels[row];
    check(levels > 0 && static_cast<size_t>(levels) < places.size(), "a level is out of range");
    check(graph.offsets[row + 1] == graph.offsets[row] + static_cast<size_t>(places[static_cast<size_t>(levels)]),
          "its links are not where its levels say");
  }
  for (size_t row = 0; row < rows; row++) checkLinks(graph, row);
  if (rows == 0) return check(graph.entry_point == -1, "its entry is no row");
  check(graph.entry_point >= 0 && static_cast<size_t>(graph.entry_point) < rows, "its entry is no row");
  check(graph.max_level == graph.levels[static_cast<size_t>(graph.entry_point)] - 1, "its top level is wrong");
}

// `ids`: each stored id is below it.
void checkLists(const faiss::IndexBinaryIVF& index, int64_t ids) {
  checkCodeSize(index);
  checkFlat(index.quantizer, index.d);
  check(index.invlists != nullptr && index.invlists->nlist == index.nlist, "its lists are not as many as it says");
  check(index.nlist > 0 && index.nlist <= UINT32_MAX, "it has no lists");
  check(!index.is_trained || static_cast<size_t>(index.quantizer->ntotal) == index.nlist, "it lacks centroids");
  check(index.invlists->code_size == static_cast<size_t>(index.code_size), "its codes are of another size");
  size_t rows = 0;
  for (size_t list = 0; list < index.nlist; list++) {
    const faiss::InvertedLists::ScopedIds stored(index.invlists, list);
    rows += index.invlists->list_size(list);
    for (size_t i = 0; i < index.invlists->list_size(list); i++)
      check(stored[i] >= 0 && stored[i] < ids, "an id in a list is no row of it");
  }
  check(rows == static_cast<size_t>(index.ntotal), "its lists do not hold its rows");
}

void checkInner(const faiss::IndexBinary& index, int64_t ids) {
  checkSizes(index);
  if (const auto* graph = dynamic_cast<const faiss::IndexBinaryHNSW*>(&index)) return checkGraph(*graph);
  if (const auto* lists = dynamic_cast<const faiss::IndexBinaryIVF*>(&index)) return checkLists(*lists, ids);
  checkFlat(&index, index.d);
}

}  // namespace

void checkIndex(const faiss::IndexBinary& index) {
  const auto* map = dynamic_cast<const faiss::IndexBinaryIDMap*>(&index);
  // Row numbers are 32 bits here.
  if (map == nullptr) return checkInner(index, int64_t{UINT32_MAX} + 1);
  checkSizes(index);
  check(map->index->d == map->d, "its parts differ in dimensions");
  check(map->ntotal == map->index->ntotal, "its id map and the index in it differ in rows");
  check(map->id_map.size() == static_cast<size_t>(map->index->ntotal), "its id map is not as long as its rows");
  // The ids in the lists are places of the id map.
  checkInner(*map->index, map->index->ntotal);
}

}  // namespace nestbit
