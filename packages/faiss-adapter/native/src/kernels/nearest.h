// The nearest rows of one query, kept while a search offers rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nestbit {

// The `capacity` nearest of all rows offered, by (distance, row) ascending: of rows at the same distance the
// smaller ones stay. Rows may come in any order. Memory grows with what is kept, to at most about
// 2 * capacity entries of 8 bytes, plus a count for each possible distance. Not for several threads at once.
class Nearest {
 public:
  // capacity >= 1; codes of 1 to 8191 bytes. Otherwise std::invalid_argument.
  Nearest(size_t capacity, size_t bytes);

  // Forgets all rows; keeps the memory.
  void reset();

  // A row farther than this is not kept. It only falls, from bytes * 8.
  uint16_t threshold() const { return static_cast<uint16_t>(limit_ >> 32); }

  // distance <= bytes * 8.
  void offer(uint32_t row, uint16_t distance) {
    const uint64_t entry = static_cast<uint64_t>(distance) << 32 | row;
    if (entry <= limit_) accept(entry);
  }

  // How many rows finish() gives: at most capacity.
  size_t size() const { return inside_ < capacity_ ? inside_ : capacity_; }

  // Writes the rows and their distances, nearest first, and gives their number. rows, distances (size()). More
  // rows may be offered afterwards.
  size_t finish(uint32_t* rows, uint16_t* distances);

 private:
  void accept(uint64_t entry);
  void compact();

  size_t capacity_;
  size_t room_;                    // Entries before the next compaction.
  uint64_t limit_;                 // The largest entry still accepted.
  size_t inside_;                  // Entries at or below the threshold; may pass capacity by ties.
  std::vector<uint64_t> entries_;  // distance * 2^32 + row, as offered; some may be beyond the limit by now.
  std::vector<uint32_t> counts_;   // Entries at each distance up to the threshold.
};

}  // namespace nestbit
