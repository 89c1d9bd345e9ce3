// Exhaustive search: every row of a range against every query.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernel.h"
#include "nearest.h"

namespace nestbit {

struct Scan {
  const uint8_t* codes;  // (at least `last`, bytes)
  size_t first, last;    // Rows [first, last) are searched; last <= 2^32.
  size_t bytes;          // Of one row.
  // Bit (row % 64) of pass[row / 64] is set for rows that may be found; (last + 63) / 64 words. Null: all rows.
  const uint64_t* pass;
};

// Offers the rows to nearest[q] for each query, in one pass over memory for all queries. Few passing rows cost
// little: only they are read. `cancel` may be null; it is read every 64 KiB of codes or so, and once it is not 0
// the result is false and the nearest are incomplete. Allocates up to about 200 KiB (std::bad_alloc).
// queries (count, bytes), nearest (count).
bool scan(const Kernel& kernel, const Scan& scan, const uint8_t* queries, size_t count, Nearest* const* nearest,
          const std::atomic<int>* cancel);

}  // namespace nestbit
