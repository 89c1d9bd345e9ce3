#include <faiss/invlists/InvertedLists.h>

#include <algorithm>

#include "lists.h"

namespace nestbit {

void searchLists(const Kernel& kernel, const ListSearch& search, const uint8_t* query, Nearest& nearest) {
  const size_t bytes = search.bytes;
  const size_t lists = search.index.nlist;
  std::vector<uint16_t> distances(lists);
  kernel.distances(query, search.centroids, lists, bytes, distances.data());
  Nearest closest(std::min(search.probes, lists), bytes);
  for (size_t list = 0; list < lists; list++) closest.offer(static_cast<uint32_t>(list), distances[list]);
  std::vector<uint32_t> probed(closest.size());
  std::vector<uint16_t> ignored(closest.size());
  closest.finish(probed.data(), ignored.data());

  const faiss::InvertedLists& stored = *search.index.invlists;
  std::vector<uint64_t> near;
  for (const uint32_t list : probed) {
    const size_t rows = stored.list_size(list);
    if (rows == 0) continue;
    faiss::InvertedLists::ScopedCodes codes(&stored, list);
    faiss::InvertedLists::ScopedIds ids(&stored, list);
    if (distances.size() < rows) distances.resize(rows);
    near.resize((rows + 63) / 64);
    kernel.distances(query, codes.get(), rows, bytes, distances.data());
    kernel.within(distances.data(), rows, nearest.threshold(), near.data());
    for (size_t word = 0; word < near.size(); word++) {
      for (uint64_t left = near[word]; left != 0; left &= left - 1) {
        const size_t at = word * 64 + static_cast<size_t>(__builtin_ctzll(left));
        const auto id = static_cast<uint32_t>(ids[at]);
        if (id >= search.rows || (search.pass != nullptr && (search.pass[id >> 6] >> (id & 63) & 1) == 0)) continue;
        nearest.offer(id, distances[at]);
      }
    }
  }
}

}  // namespace nestbit
