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
// Address space of one file at most: the widest rows of a few stores must fit the 128 TiB of a process.
constexpr size_t maxBytes = size_t{1} << 44;
// What one page fault brings into memory: the kernel maps 16 pages around it.
constexpr size_t window = 65536;
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
      windows_(static_cast<uint8_t*>(std::calloc(reserved(layout.copyStride()) / window + 2, 1)), std::free),
      windowsLeft_(static_cast<int64_t>(copiesMapped / window)) {
  if (windows_ == nullptr) throw Failure("OUT_OF_MEMORY", "No memory to open " + folder + ".");
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
  rows_.store(rows, std::memory_order_release);
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

bool CodeFiles::mapped(uint32_t row) const {
  const size_t stride = layout_.copyStride();
  const size_t from = size_t{row} * stride / window;
  const size_t to = (size_t{row} * stride + stride - 1) / window;
  for (size_t at = from; at <= to; at++) {
    uint8_t* const touched = windows_.get() + at;
    if (__atomic_load_n(touched, __ATOMIC_RELAXED) != 0) continue;
    if (windowsLeft_.load(std::memory_order_relaxed) <= 0) return false;
    if (__atomic_exchange_n(touched, 1, __ATOMIC_RELAXED) == 0) windowsLeft_.fetch_sub(1);
  }
  return true;
}

void CodeFiles::copyScores(const CopyQuery& query, const uint32_t* rows, size_t count, double* out) const {
  std::vector<uint32_t> near, nearPlace, far, farPlace;
  for (size_t i = 0; i < count; i++) {
    const bool in = mapped(rows[i]);
    (in ? near : far).push_back(rows[i]);
    (in ? nearPlace : farPlace).push_back(static_cast<uint32_t>(i));
  }
  std::vector<double> scores(count);
  nearScores(query, near, scores.data());
  for (size_t i = 0; i < near.size(); i++) out[nearPlace[i]] = scores[i];
  farScores(query, far, scores.data());
  for (size_t i = 0; i < far.size(); i++) out[farPlace[i]] = scores[i];
}

// Of rows whose copies are mapped.
void CodeFiles::nearScores(const CopyQuery& query, const std::vector<uint32_t>& rows, double* out) const {
  const size_t stride = layout_.copyStride();
  for (size_t i = 0; i < rows.size(); i++) {
    if (i + rowsAhead < rows.size()) fetch(rows[i + rowsAhead], true);
    checkCopy(rows[i], copies_->data() + rows[i] * stride);
  }
  nestbit::copyScores(kernel(), layout_.copy, query, copies_->data(), stride, rows.data(), rows.size(), dimensions(),
                      out);
}

// Of rows that are read: few at a time, which stay in the first-level cache between the reading and the sums.
void CodeFiles::farScores(const CopyQuery& query, const std::vector<uint32_t>& rows, double* out) const {
  const size_t stride = layout_.copyStride();
  std::vector<uint8_t> buffer(std::min(rowsRead, rows.size()) * stride);
  uint32_t index[rowsRead];
  for (size_t first = 0; first < rows.size(); first += rowsRead) {
    const size_t some = std::min(rowsRead, rows.size() - first);
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
