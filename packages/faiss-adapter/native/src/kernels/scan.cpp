#include "scan.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace nestbit {
namespace {

// Queries whose distances to a chunk are kept at once.
constexpr size_t tileQueries = 64;

// Rows in 64 KiB, a multiple of 64: a chunk and its distances stay in the L2 cache.
size_t chunkRowsOf(size_t bytes) { return std::clamp<size_t>(65536 / bytes / 64 * 64, 64, 1024); }

// The pass bits of `rows` <= 64 rows from any row on. Reads no word that holds none of them.
uint64_t passWord(const uint64_t* pass, size_t row, size_t rows) {
  const size_t shift = row % 64;
  uint64_t word = pass[row / 64] >> shift;
  if (shift + rows > 64) word |= pass[row / 64 + 1] << (64 - shift);
  return rows == 64 ? word : word & ((uint64_t{1} << rows) - 1);
}

class Scanner {
 public:
  Scanner(const Kernel& kernel, const Scan& scan, const uint8_t* queries, size_t count, Nearest* const* nearest)
      : kernel_(kernel), scan_(scan), queries_(queries), count_(count), nearest_(nearest) {
    chunkRows_ = chunkRowsOf(scan.bytes);
    distances_.resize(std::min(count, tileQueries) * chunkRows_);
    within_.resize(chunkRows_ / 64);
    if (scan.pass == nullptr) return;
    passing_.resize(chunkRows_ / 64);
    few_.reserve(chunkRows_);
  }

  bool run(const std::atomic<int>* cancel) {
    for (size_t row = scan_.first; row < scan_.last; row += chunkRows_) {
      if (cancel != nullptr && cancel->load(std::memory_order_relaxed) != 0) return false;
      chunk(row, std::min(chunkRows_, scan_.last - row));
    }
    flush();
    return true;
  }

 private:
  void chunk(size_t first, size_t rows) {
    if (scan_.pass == nullptr) return all(first, rows, nullptr);
    size_t count = 0;
    for (size_t i = 0; i < rows; i += 64) {
      passing_[i / 64] = passWord(scan_.pass, first + i, std::min<size_t>(64, rows - i));
      count += static_cast<size_t>(__builtin_popcountll(passing_[i / 64]));
    }
    // From here on it is cheaper to compute what does not pass than to leave it out: reading in order is faster
    // than gathering, and copying has its price. Measured on Zen 3, for one query and for many.
    if (count * 4 >= rows * (count_ < 4 ? 1 : 3)) return all(first, rows, passing_.data());
    if (few_.size() + count > chunkRows_) flush();
    for (size_t i = 0; i < rows; i += 64) {
      for (uint64_t word = passing_[i / 64]; word != 0; word &= word - 1) {
        few_.push_back(static_cast<uint32_t>(first + i + static_cast<size_t>(__builtin_ctzll(word))));
      }
    }
  }

  // A chunk of which all rows are computed; those that pass (null: all) are offered.
  void all(size_t first, size_t rows, const uint64_t* passing) {
    const uint8_t* codes = scan_.codes + first * scan_.bytes;
    for (size_t q = 0; q < count_; q += tileQueries) {
      const size_t some = std::min(tileQueries, count_ - q);
      compute(q, some, codes, rows);
      for (size_t i = 0; i < some; i++) {
        offer(*nearest_[q + i], &distances_[i * chunkRows_], rows, passing,
              [first](size_t at) { return static_cast<uint32_t>(first + at); });
      }
    }
  }

  // The rows gathered from chunks of which few pass.
  void flush() {
    if (few_.empty()) return;
    const auto rowOf = [this](size_t at) { return few_[at]; };
    if (count_ == 1) {
      kernel_.gather(queries_, scan_.codes, few_.data(), few_.size(), scan_.bytes, distances_.data());
      offer(*nearest_[0], distances_.data(), few_.size(), nullptr, rowOf);
    } else {
      copies_.resize(chunkRows_ * scan_.bytes);
      for (size_t i = 0; i < few_.size(); i++) {
        std::memcpy(&copies_[i * scan_.bytes], scan_.codes + few_[i] * scan_.bytes, scan_.bytes);
      }
      for (size_t q = 0; q < count_; q += tileQueries) {
        const size_t some = std::min(tileQueries, count_ - q);
        compute(q, some, copies_.data(), few_.size());
        for (size_t i = 0; i < some; i++) {
          offer(*nearest_[q + i], &distances_[i * chunkRows_], few_.size(), nullptr, rowOf);
        }
      }
    }
    few_.clear();
  }

  void compute(size_t q, size_t some, const uint8_t* codes, size_t rows) {
    const uint8_t* queries = queries_ + q * scan_.bytes;
    if (some == 1) return kernel_.distances(queries, codes, rows, scan_.bytes, distances_.data());
    kernel_.block(queries, some, codes, rows, scan_.bytes, distances_.data(), chunkRows_);
  }

  // Most rows are rejected here, many at a time. The threshold may fall meanwhile: offer() asks again.
  template <typename RowOf>
  void offer(Nearest& nearest, const uint16_t* distances, size_t rows, const uint64_t* passing, RowOf rowOf) {
    kernel_.within(distances, rows, nearest.threshold(), within_.data());
    for (size_t i = 0; i < rows; i += 64) {
      uint64_t word = within_[i / 64];
      if (passing != nullptr) word &= passing[i / 64];
      for (; word != 0; word &= word - 1) {
        const size_t at = i + static_cast<size_t>(__builtin_ctzll(word));
        nearest.offer(rowOf(at), distances[at]);
      }
    }
  }

  const Kernel& kernel_;
  const Scan& scan_;
  const uint8_t* queries_;
  const size_t count_;
  Nearest* const* nearest_;
  size_t chunkRows_;
  std::vector<uint16_t> distances_;  // (queries of a tile, chunkRows)
  std::vector<uint64_t> within_;     // (chunkRows / 64)
  std::vector<uint64_t> passing_;    // (chunkRows / 64)
  std::vector<uint32_t> few_;        // Rows to compute, of chunks of which few pass; at most chunkRows.
  std::vector<uint8_t> copies_;      // Their codes, contiguous for all queries.
};

}  // namespace

bool scan(const Kernel& kernel, const Scan& scan, const uint8_t* queries, size_t count, Nearest* const* nearest,
          const std::atomic<int>* cancel) {
  if (count == 0) return true;
  return Scanner(kernel, scan, queries, count, nearest).run(cancel);
}

}  // namespace nestbit
