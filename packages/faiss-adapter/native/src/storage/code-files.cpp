#include "code-files.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "../failure.h"
#include "../kernels/kernel.h"
#include "crc32c.h"

namespace nestbit {
namespace {

// Rows that a store can have: row numbers are 32 bits, and address space is reserved for this many.
constexpr size_t maxRows = size_t{1} << 28;
// What one page fault brings into memory: the kernel maps 16 pages around it.
constexpr size_t window = 65536;
constexpr size_t rowsAtOnce = 8192;
// Rows that the rescore reads from the file at a time, and how far ahead it loads mapped ones.
constexpr size_t rowsRead = 32, rowsAhead = 6;

Failure damaged(const std::string& path, size_t row) {
  return Failure("STORE_DAMAGED", path + ": row " + std::to_string(row) +
                                      " does not match its checksum. Restore the store from a copy.");
}

}  // namespace

CodeFiles::CodeFiles(const std::string& folder, size_t bytes, size_t int8Mapped)
    : bytes_(bytes),
      bits_(folder + "/bits.u8", maxRows * bytes),
      int8_(folder + "/int8.i8", maxRows * bytes * 8, true),
      checks_(folder + "/checks.u32", maxRows * 8),
      windows_(static_cast<uint8_t*>(std::calloc(maxRows * bytes * 8 / window + 1, 1)), std::free),
      windowsLeft_(static_cast<int64_t>(int8Mapped / window)) {}

void CodeFiles::grow(size_t rows) {
  std::lock_guard<std::mutex> lock(growing_);
  if (rows <= rows_) return;
  bits_.grow(rows * bytes_);
  int8_.grow(rows * bytes_ * 8);
  checks_.grow(rows * 8);
  rows_.store(rows, std::memory_order_release);
}

void CodeFiles::verifyBits(size_t first, size_t last, size_t threads, const Stop& stop) const {
  const auto* checks = reinterpret_cast<const uint32_t*>(checks_.data());
  parallel((last - first + rowsAtOnce - 1) / rowsAtOnce, threads, [&](size_t part) {
    const size_t from = first + part * rowsAtOnce;
    const size_t to = std::min(last, from + rowsAtOnce);
    if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
    for (size_t row = from; row < to; row++)
      if (crc32c(bits_.data() + row * bytes_, bytes_) != checks[2 * row]) throw damaged(bits_.path(), row);
  });
}

void CodeFiles::verifyInt8(size_t first, size_t last, size_t threads, const Stop& stop) const {
  const auto* checks = reinterpret_cast<const uint32_t*>(checks_.data());
  const size_t stride = bytes_ * 8;
  const size_t rows = std::max<size_t>(1, (size_t{1} << 20) / stride);
  parallel((last - first + rows - 1) / rows, threads, [&](size_t part) {
    const size_t from = first + part * rows;
    const size_t count = std::min(last, from + rows) - from;
    if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
    std::vector<uint8_t> buffer(count * stride);
    int8_.read(buffer.data(), buffer.size(), from * stride);
    for (size_t i = 0; i < count; i++)
      if (crc32c(buffer.data() + i * stride, stride) != checks[2 * (from + i) + 1]) throw damaged(int8_.path(), from + i);
  });
}

void CodeFiles::checkInt8(uint32_t row, const uint8_t* int8) const {
  const auto* checks = reinterpret_cast<const uint32_t*>(checks_.data());
  if (crc32c(int8, bytes_ * 8) != checks[2 * size_t{row} + 1]) throw damaged(int8_.path(), row);
}

bool CodeFiles::mapped(uint32_t row) const {
  const size_t from = size_t{row} * bytes_ * 8 / window;
  const size_t to = (size_t{row} * bytes_ * 8 + bytes_ * 8 - 1) / window;
  for (size_t at = from; at <= to; at++) {
    uint8_t* const touched = windows_.get() + at;
    if (__atomic_load_n(touched, __ATOMIC_RELAXED) != 0) continue;
    if (windowsLeft_.load(std::memory_order_relaxed) <= 0) return false;
    if (__atomic_exchange_n(touched, 1, __ATOMIC_RELAXED) == 0) windowsLeft_.fetch_sub(1);
  }
  return true;
}

void CodeFiles::rescore(const double* weights, const uint32_t* rows, size_t count, double* out) const {
  const size_t stride = bytes_ * 8;
  std::vector<uint32_t> near, nearPlace, far, farPlace;
  for (size_t i = 0; i < count; i++) {
    const bool in = mapped(rows[i]);
    (in ? near : far).push_back(rows[i]);
    (in ? nearPlace : farPlace).push_back(static_cast<uint32_t>(i));
  }
  std::vector<double> sums(count);
  const auto run = [&](const uint8_t* base, const uint32_t* index, size_t rescored, const uint32_t* places) {
    kernel().rescore(weights, reinterpret_cast<const int8_t*>(base), stride, index, rescored, stride, sums.data());
    for (size_t i = 0; i < rescored; i++) out[places[i]] = sums[i];
  };
  for (size_t i = 0; i < near.size(); i++) {
    if (i + rowsAhead < near.size()) fetch(near[i + rowsAhead], true);
    checkInt8(near[i], int8_.data() + near[i] * stride);
  }
  run(int8_.data(), near.data(), near.size(), nearPlace.data());
  // Few rows at a time, which stay in the first-level cache between the reading and the sums.
  std::vector<uint8_t> buffer(std::min(rowsRead, far.size()) * stride);
  uint32_t index[rowsRead];
  for (size_t first = 0; first < far.size(); first += rowsRead) {
    const size_t some = std::min(rowsRead, far.size() - first);
    for (size_t i = 0; i < some; i++) {
      fetch(far[first + i], false);
      int8_.read(buffer.data() + i * stride, stride, far[first + i] * stride);
      checkInt8(far[first + i], buffer.data() + i * stride);
      index[i] = static_cast<uint32_t>(i);
    }
    run(buffer.data(), index, some, farPlace.data() + first);
  }
}

// Starts loading the checksum of a row, and its int8 copy when that is mapped.
void CodeFiles::fetch(uint32_t row, bool int8) const {
  __builtin_prefetch(checks_.data() + size_t{row} * 8);
  if (!int8) return;
  const uint8_t* const at = int8_.data() + size_t{row} * bytes_ * 8;
  for (size_t line = 0; line < bytes_ * 8; line += 64) __builtin_prefetch(at + line);
}

void CodeFiles::readInt8(uint32_t row, int8_t* out) const {
  int8_.read(reinterpret_cast<uint8_t*>(out), bytes_ * 8, size_t{row} * bytes_ * 8);
  checkInt8(row, reinterpret_cast<const uint8_t*>(out));
}

void CodeFiles::readBits(uint32_t row, uint8_t* out) const {
  std::memcpy(out, bits_.data() + size_t{row} * bytes_, bytes_);
  const auto* checks = reinterpret_cast<const uint32_t*>(checks_.data());
  if (crc32c(out, bytes_) != checks[2 * size_t{row}]) throw damaged(bits_.path(), row);
}

}  // namespace nestbit
