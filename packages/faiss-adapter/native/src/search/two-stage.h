// The whole search of a store: Hamming candidates, refined by the bit score, rescored by their copies.
#pragma once

#include <memory>

#include "../index/binary-index.h"
#include "../parallel.h"
#include "../storage/code-files.h"

namespace nestbit {

// The last stage that is run; the rows and scores are its.
enum class Stage { hamming, refine, rescore };

struct TwoStage {
  std::shared_ptr<const CodeFiles> files;
  std::shared_ptr<const BinaryIndex> index;  // Null: every row is scanned.
  size_t indexed;                            // Rows [0, indexed) are the index's, the others are scanned.
  size_t rows;
  const uint64_t* pass;  // Rows that may be found, as a bitmap over rows; null: all.
  size_t passing;        // How many those are.
  size_t prefilter, rescored, k;
  size_t probes, efSearch;
  Stage stage;
  size_t threads;

  // Rows of the result for a query.
  size_t width() const;
};

struct Queries {
  size_t count;
  const uint8_t* bits;           // (count, bytes)
  const int16_t* bitWeights;     // (count, dimensions)
  const double* bitFactors;      // (256), those of the codec; null where rows have no scalars
  const double* bitOffsets;      // (count, 256); null likewise
  const double* bitScale;        // (count): score = bit score * bitScale + bitBias, where rows have no copies
  const double* bitBias;         // (count)
  const double* rescoreWeights;  // (count, dimensions); null where rows have no copies
  const double* rescoreScale;    // (count)
  const double* rescoreBias;     // (count)
};

struct Ranked {
  uint32_t* rows;   // (count, width)
  double* scores;   // (count, width): of the last stage; of `hamming`, distances
  uint32_t* found;  // (count): how many of each query's places are used
};

// Throws Failure ABORTED, STORE_DAMAGED.
void searchTwoStage(const TwoStage& search, const Queries& queries, const Stop& stop, const Ranked& out);

}  // namespace nestbit
