#include "code-files.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "../failure.h"
#include "../kernels/kernel.h"
#include "crc32c.h"

namespace nestbit {
namespace {

// Rows that a store can have: row numbers are 32 bits, and address space is reserved for this many.
constexpr size_t maxRows = size_t{1} << 28;
// Address space of one file at most: the widest rows of a few stores must fit the 128 TiB of a process.
constexpr size_t maxBytes = size_t{1} << 44;
constexpr size_t rowsAtOnce = 8192;
// Rows that the rescore reads from the file at a time, and how far ahead it loads mapped ones.
constexpr size_t rowsRead = 32, rowsAhead = 6;

size_t reserved(size_t stride) { return std::min(maxRows * stride, maxBytes); }

Failure damaged(const std::string& path, size_t row) {
  return Failure("STORE_DAMAGED", path + ": row " + std::to_string(row) +
                                      " does not match its checksum. Restore the store from a copy.");
}

uint32_t wordAt(const uint8_t* at) {
  uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void checkStop(const Stop& stop) {
  if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
}

}  // namespace

CodeFiles::CodeFiles(const std::string& folder, const CodeLayout& layout, size_t copiesMapped)
    : layout_(layout),
      bits_(folder + "/bits.u8", reserved(layout.bits)),
      checks_(folder + "/checks.u32", maxRows * layout.checkWords() * sizeof(uint32_t)),
      copiesMapped_(copiesMapped) {
  if (layout.scalars > 0) scalars_.emplace(folder + "/scalars.u8", reserved(layout.scalars));
  const char* const name = layout.format == 1 ? "/int8.i8" : "/copies.u8";
  if (layout.copyStride() > 0) copies_.emplace(folder + name, reserved(layout.copyStride()), true);
}

void CodeFiles::grow(size_t rows) {
  std::lock_guard<std::mutex> lock(growing_);
  if (rows <= rows_) return;
  bits_.grow(rows * layout_.bits);
  if (scalars_) scalars_->grow(rows * layout_.scalars);
  if (copies_) copies_->grow(rows * layout_.copyStride());
  checks_.grow(rows * layout_.checkWords() * sizeof(uint32_t));
  const bool stayed = copiesStay();
  rows_.store(rows, std::memory_order_release);
  // What has outgrown its memory gives it back.
  if (stayed && !copiesStay()) copies_->release();
}

uint32_t CodeFiles::bitsCheck(const uint8_t* bits, const uint8_t* scalars) const {
  const uint32_t sum = crc32c(bits, layout_.bits);
  return layout_.scalars == 0 ? sum : crc32c(scalars, layout_.scalars, sum);
}

void CodeFiles::checkReadable() const {
  bits_.checkReadable();
  checks_.checkReadable();
  if (scalars_) scalars_->checkReadable();
  if (copies_) copies_->checkReadable();
}

void CodeFiles::verifyBits(size_t first, size_t last, size_t threads, const Stop& stop) const {
  const size_t words = layout_.checkWords();
  parallel((last - first + rowsAtOnce - 1) / rowsAtOnce, threads, [&](size_t part) {
    const size_t from = first + part * rowsAtOnce;
    const size_t to = std::min(last, from + rowsAtOnce);
    checkStop(stop);
    // Read, not mapped: they need not stay in memory.
    std::vector<uint32_t> checks((to - from) * words);
    checks_.read(reinterpret_cast<uint8_t*>(checks.data()), checks.size() * sizeof(uint32_t),
                 from * words * sizeof(uint32_t));
    for (size_t row = from; row < to; row++) {
      const uint32_t sum = bitsCheck(bits_.data() + row * layout_.bits, scalarsOf(row));
      if (sum != checks[(row - from) * words]) throw damaged(bits_.path(), row);
    }
  });
}

void CodeFiles::verifyCopies(size_t first, size_t last, size_t threads, const Stop& stop) const {
  if (!copies_) return;
  const size_t stride = layout_.copyStride();
  const size_t rows = std::max<size_t>(1, (size_t{1} << 20) / stride);
  parallel((last - first + rows - 1) / rows, threads, [&](size_t part) {
    const size_t from = first + part * rows;
    const size_t count = std::min(last, from + rows) - from;
    checkStop(stop);
    std::vector<uint8_t> buffer(count * stride);
    copies_->read(buffer.data(), buffer.size(), from * stride);
    for (size_t i = 0; i < count; i++) checkCopy(from + i, buffer.data() + i * stride);
  });
}

void CodeFiles::checkCopy(size_t row, const uint8_t* at) const {
  const size_t bytes = layout_.copyBytes();
  const uint32_t check = wordAt(layout_.format == 1 ? checks_.data() + (2 * row + 1) * sizeof(uint32_t) : at + bytes);
  if (crc32c(at, bytes) != check) throw damaged(copies_->path(), row);
}

void CodeFiles::bitScores(const BitQuery& query, const uint32_t* rows, size_t count, double* out) const {
  nestbit::bitScores(kernel(), query, bits_.data(), scalarsOf(0), rows, count, layout_.bits, out);
}

void CodeFiles::copyScores(const CopyQuery& query, const uint32_t* rows, size_t count, double* out) const {
  if (copiesStay()) nearScores(query, rows, count, out);
  else farScores(query, rows, count, out);
}

// Of rows whose copies are mapped.
void CodeFiles::nearScores(const CopyQuery& query, const uint32_t* rows, size_t count, double* out) const {
  const size_t stride = layout_.copyStride();
  for (size_t i = 0; i < count; i++) {
    if (i + rowsAhead < count) fetch(rows[i + rowsAhead], true);
    checkCopy(rows[i], copies_->data() + rows[i] * stride);
  }
  nestbit::copyScores(kernel(), layout_.copy, query, copies_->data(), stride, rows, count, dimensions(), out);
}

// Of rows that are read: few at a time, which stay in the first-level cache between the reading and the sums.
void CodeFiles::farScores(const CopyQuery& query, const uint32_t* rows, size_t count, double* out) const {
  const size_t stride = layout_.copyStride();
  std::vector<uint8_t> buffer(std::min(rowsRead, count) * stride);
  uint32_t index[rowsRead];
  for (size_t first = 0; first < count; first += rowsRead) {
    const size_t some = std::min(rowsRead, count - first);
    for (size_t i = 0; i < some; i++) {
      fetch(rows[first + i], false);
      copies_->read(buffer.data() + i * stride, stride, rows[first + i] * stride);
      checkCopy(rows[first + i], buffer.data() + i * stride);
      index[i] = static_cast<uint32_t>(i);
    }
    nestbit::copyScores(kernel(), layout_.copy, query, buffer.data(), stride, index, some, dimensions(), out + first);
  }
}

// Starts loading the checksum of a row, and its copy when that is mapped.
void CodeFiles::fetch(uint32_t row, bool copy) const {
  if (layout_.format == 1) __builtin_prefetch(checks_.data() + (2 * size_t{row} + 1) * sizeof(uint32_t));
  if (!copy) return;
  const uint8_t* const at = copies_->data() + size_t{row} * layout_.copyStride();
  for (size_t line = 0; line < layout_.copyStride(); line += 64) __builtin_prefetch(at + line);
}

void CodeFiles::readCopy(uint32_t row, uint8_t* out) const {
  if (!copies_) return;
  const size_t stride = layout_.copyStride();
  std::vector<uint8_t> buffer(stride);
  copies_->read(buffer.data(), stride, size_t{row} * stride);
  checkCopy(row, buffer.data());
  std::memcpy(out, buffer.data(), layout_.copyBytes());
}

void CodeFiles::readBits(uint32_t row, uint8_t* bits, uint8_t* scalars) const {
  std::memcpy(bits, bits_.data() + size_t{row} * layout_.bits, layout_.bits);
  if (scalars_) std::memcpy(scalars, scalarsOf(row), layout_.scalars);
  uint8_t check[sizeof(uint32_t)];
  checks_.read(check, sizeof check, size_t{row} * layout_.checkWords() * sizeof(uint32_t));
  if (bitsCheck(bits, scalars) != wordAt(check)) throw damaged(bits_.path(), row);
}

}  // namespace nestbit
