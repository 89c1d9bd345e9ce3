#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>

#include "../failure.h"
#include "lists.h"

namespace nestbit {
namespace {

// Rows that are compared with a block of centroids at once.
constexpr size_t rowsAtOnce = 64;
// Bytes of centroids that stay in the cache.
constexpr size_t centroidBytes = 65536;

// Adds the bits of one row to counts (bytes * 8).
void addBits(const uint8_t* row, size_t bytes, uint32_t* counts) {
  for (size_t i = 0; i < bytes; i++)
    for (unsigned bit = 0; bit < 8; bit++) counts[i * 8 + bit] += row[i] >> (7 - bit) & 1;
}

// Sets a centroid to the majority of its rows; a bit that half of them have stays as it is.
void majority(const uint32_t* counts, uint32_t rows, size_t bytes, uint8_t* centroid) {
  for (size_t i = 0; i < bytes * 8; i++) {
    const uint8_t bit = static_cast<uint8_t>(0x80 >> (i & 7));
    if (2 * counts[i] > rows) centroid[i >> 3] |= bit;
    if (2 * counts[i] < rows) centroid[i >> 3] &= static_cast<uint8_t>(~bit);
  }
}

}  // namespace

void assignRows(const uint8_t* codes, size_t rows, size_t bytes, const uint8_t* centroids, size_t lists,
                uint32_t* assigned, size_t threads, const Stop& stop) {
  const Kernel& fast = kernel();
  const size_t block = std::min(lists, std::max<size_t>(64, centroidBytes / bytes / 64 * 64));
  parallel((rows + rowsAtOnce - 1) / rowsAtOnce, threads, [&](size_t part) {
    if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
    const size_t first = part * rowsAtOnce;
    const size_t count = std::min(rows, first + rowsAtOnce) - first;
    std::vector<uint16_t> distances(count * block);
    std::vector<uint16_t> nearest(count, UINT16_MAX);
    for (size_t from = 0; from < lists; from += block) {
      const size_t size = std::min(lists, from + block) - from;
      fast.block(codes + first * bytes, count, centroids + from * bytes, size, bytes, distances.data(), block);
      for (size_t row = 0; row < count; row++) {
        const uint16_t* begin = distances.data() + row * block;
        const uint16_t* least = std::min_element(begin, begin + size);
        if (*least >= nearest[row] && from > 0) continue;
        nearest[row] = *least;
        assigned[first + row] = static_cast<uint32_t>(from + static_cast<size_t>(least - begin));
      }
    }
  });
}

std::vector<uint8_t> kMajority(const uint8_t* codes, size_t rows, size_t bytes, size_t lists, size_t iterations,
                               size_t threads, const Stop& stop) {
  if (rows < lists || lists == 0) {
    throw std::invalid_argument("training " + std::to_string(lists) + " lists needs as many rows, got " +
                                std::to_string(rows));
  }
  std::mt19937_64 random(0x6e657374);
  // The first centroids are distinct rows, drawn without replacement.
  std::vector<uint32_t> order(rows);
  for (size_t i = 0; i < rows; i++) order[i] = static_cast<uint32_t>(i);
  std::vector<uint8_t> centroids(lists * bytes);
  for (size_t list = 0; list < lists; list++) {
    std::swap(order[list], order[list + random() % (rows - list)]);
    std::copy_n(codes + size_t{order[list]} * bytes, bytes, centroids.data() + list * bytes);
  }
  std::vector<uint32_t> assigned(rows), starts(lists + 1), byList(rows);
  for (size_t round = 0; round < iterations; round++) {
    assignRows(codes, rows, bytes, centroids.data(), lists, assigned.data(), threads, stop);
    // Rows sorted by list, so that each list is one thread's.
    std::fill(starts.begin(), starts.end(), 0);
    for (const uint32_t list : assigned) starts[list + 1]++;
    for (size_t list = 0; list < lists; list++) starts[list + 1] += starts[list];
    std::vector<uint32_t> place(starts.begin(), starts.end() - 1);
    for (size_t row = 0; row < rows; row++) byList[place[assigned[row]]++] = static_cast<uint32_t>(row);
    parallel(lists, threads, [&](size_t list) {
      const uint32_t size = starts[list + 1] - starts[list];
      if (size == 0) return;
      std::vector<uint32_t> counts(bytes * 8);
      for (uint32_t i = starts[list]; i < starts[list + 1]; i++)
        addBits(codes + size_t{byList[i]} * bytes, bytes, counts.data());
      majority(counts.data(), size, bytes, centroids.data() + list * bytes);
    });
    // An empty list starts anew at a row of the fullest one.
    for (size_t list = 0; list < lists; list++) {
      if (starts[list + 1] != starts[list]) continue;
      size_t fullest = 0;
      for (size_t other = 1; other < lists; other++)
        if (starts[other + 1] - starts[other] > starts[fullest + 1] - starts[fullest]) fullest = other;
      const uint32_t row = byList[starts[fullest] + random() % (starts[fullest + 1] - starts[fullest])];
      std::copy_n(codes + size_t{row} * bytes, bytes, centroids.data() + list * bytes);
    }
  }
  return centroids;
}

}  // namespace nestbit
