// Inverted lists of binary codes: centroids by k-majority, rows in the list of their nearest centroid.
#pragma once

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryIVF.h>

#include <vector>

#include "../kernels/kernel.h"
#include "../kernels/nearest.h"
#include "../parallel.h"

namespace nestbit {

// Centroids of codes (rows, bytes): k-majority (Grana et al. 2013), Lloyd's iteration in Hamming space, where the
// mean is the majority of each bit. Returns (lists, bytes). Seeded: the same codes give the same centroids, also
// for other numbers of threads. Throws Failure ABORTED; rows < lists is std::invalid_argument.
std::vector<uint8_t> kMajority(const uint8_t* codes, size_t rows, size_t bytes, size_t lists, size_t iterations,
                               size_t threads, const Stop& stop);

// The nearest centroid of each row, ties to the smaller number. codes (rows, bytes), centroids (lists, bytes).
void assignRows(const uint8_t* codes, size_t rows, size_t bytes, const uint8_t* centroids, size_t lists,
                uint32_t* assigned, size_t threads, const Stop& stop);

struct ListSearch {
  const faiss::IndexBinaryIVF& index;
  const uint8_t* centroids;  // (index.nlist, bytes)
  size_t bytes;
  size_t probes;
  size_t rows;           // Ids below this may be found.
  const uint64_t* pass;  // Those of them that may be found, as a bitmap; null: all.
};

// Offers the ids in the `probes` lists whose centroids are nearest to the query.
void searchLists(const Kernel& kernel, const ListSearch& search, const uint8_t* query, Nearest& nearest);

}  // namespace nestbit
