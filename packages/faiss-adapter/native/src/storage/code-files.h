// The codes of a store on disk: bits, scalars, copies and checksums of each, row after row, append-only.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>

#include "../kernels/row-scores.h"
#include "../parallel.h"
#include "mapped-file.h"

namespace nestbit {

// Bytes of a row in each file, and where its checksums are.
struct CodeLayout {
  // 1: bits.u8, int8.i8 (rows, bits * 8) and checks.u32 (rows, 2: CRC-32C of the bits, of the int8 copy). As stores
  // were made before the scalars; read and appended to, no longer made.
  // 2: bits.u8, scalars.u8, copies.u8 (rows, copy + 4: each copy is followed by its CRC-32C) and checks.u32 (rows:
  // CRC-32C of the bits and the scalars). A part without bytes has no file.
  size_t format;
  size_t bits;
  size_t scalars;  // 0 or scalarBytes
  Copy copy;

  size_t dimensions() const { return bits * 8; }
  size_t copyBytes() const { return nestbit::copyBytes(copy, dimensions()); }
  // From one copy to the next.
  size_t copyStride() const { return copyBytes() + (format == 1 || copy == Copy::none ? 0 : sizeof(uint32_t)); }
  size_t checkWords() const { return format == 1 ? 2 : 1; }
};

class CodeFiles {
 public:
  // copiesMapped: as long as all copies fit that many bytes, those that were asked for stay in memory; more of them
  // are read at each search. Throws Failure FILE_NOT_FOUND, OUT_OF_MEMORY.
  CodeFiles(const std::string& folder, const CodeLayout& layout, size_t copiesMapped);

  // Makes the first `rows` rows readable. Throws Failure STORE_DAMAGED when a file is shorter.
  void grow(size_t rows);

  // Throws Failure STORE_DAMAGED when a mapped file lost bytes while it was open. To be called after everything that
  // reads mapped rows, before its outcome is used.
  void checkReadable() const;

  // Checks the bits and scalars of rows [first, last) against their checksums; throws Failure STORE_DAMAGED for a
  // bad one.
  void verifyBits(size_t first, size_t last, size_t threads, const Stop& stop) const;

  // Checks the copies of rows [first, last) likewise.
  void verifyCopies(size_t first, size_t last, size_t threads, const Stop& stop) const;

  // Bit scores of some rows. rows (count), out (count).
  void bitScores(const BitQuery& query, const uint32_t* rows, size_t count, double* out) const;

  // Scores of the copies of some rows, each checked against its checksum; not for Copy::none. rows (count), out
  // (count).
  void copyScores(const CopyQuery& query, const uint32_t* rows, size_t count, double* out) const;

  const uint8_t* bits() const { return bits_.data(); }
  const CodeLayout& layout() const { return layout_; }
  size_t bytes() const { return layout_.bits; }
  size_t dimensions() const { return layout_.dimensions(); }
  size_t rows() const { return rows_.load(std::memory_order_acquire); }

  // The bits and scalars of one row, checked. bits (layout().bits), scalars (layout().scalars).
  void readBits(uint32_t row, uint8_t* bits, uint8_t* scalars) const;

  // The copy of one row, checked. out (layout().copyBytes()).
  void readCopy(uint32_t row, uint8_t* out) const;

 private:
  const uint8_t* scalarsOf(size_t row) const { return scalars_ ? scalars_->data() + row * layout_.scalars : nullptr; }
  uint32_t bitsCheck(const uint8_t* bits, const uint8_t* scalars) const;
  // `at` points to copyStride() bytes.
  void checkCopy(size_t row, const uint8_t* at) const;
  bool copiesStay() const { return copies_ && rows() * layout_.copyStride() <= copiesMapped_; }
  void fetch(uint32_t row, bool copy) const;
  void nearScores(const CopyQuery& query, const uint32_t* rows, size_t count, double* out) const;
  void farScores(const CopyQuery& query, const uint32_t* rows, size_t count, double* out) const;

  const CodeLayout layout_;
  MappedFile bits_, checks_;
  std::optional<MappedFile> scalars_, copies_;
  std::atomic<size_t> rows_{0};
  std::mutex growing_;
  const size_t copiesMapped_;
};

}  // namespace nestbit
