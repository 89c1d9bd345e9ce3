// The codes of a store on disk: bits, int8 copies and a checksum of each, row after row, append-only.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "../parallel.h"
#include "mapped-file.h"

namespace nestbit {

class CodeFiles {
 public:
  // folder: holds bits.u8 (rows, bytes), int8.i8 (rows, bytes * 8) and checks.u32 (rows, 2: CRC-32C of the bits,
  // of the int8 copy). int8Mapped: bytes of int8 that may stay in memory; the rest is read when asked for.
  CodeFiles(const std::string& folder, size_t bytes, size_t int8Mapped);

  // Makes the first `rows` rows readable. Throws Failure STORE_DAMAGED when a file is shorter.
  void grow(size_t rows);

  // Checks the bits of rows [first, last) against their checksums; throws Failure STORE_DAMAGED for a bad one.
  void verifyBits(size_t first, size_t last, size_t threads, const Stop& stop) const;

  // Checks the int8 copies of rows [first, last) likewise.
  void verifyInt8(size_t first, size_t last, size_t threads, const Stop& stop) const;

  // Rescore sums of some rows, each checked against its checksum. weights (bytes * 8), rows (count), out (count).
  void rescore(const double* weights, const uint32_t* rows, size_t count, double* out) const;

  const uint8_t* bits() const { return bits_.data(); }
  size_t bytes() const { return bytes_; }
  size_t dimensions() const { return bytes_ * 8; }
  size_t rows() const { return rows_.load(std::memory_order_acquire); }

  // The int8 copy of one row, checked. out (bytes * 8).
  void readInt8(uint32_t row, int8_t* out) const;

  // The bits of one row, checked. out (bytes).
  void readBits(uint32_t row, uint8_t* out) const;

  // Lets go of the pages of bits: for indexes that hold their own.
  void releaseBits() { bits_.release(); }

 private:
  void checkInt8(uint32_t row, const uint8_t* int8) const;
  bool mapped(uint32_t row) const;
  void fetch(uint32_t row, bool int8) const;

  const size_t bytes_;
  MappedFile bits_, int8_, checks_;
  std::atomic<size_t> rows_{0};
  std::mutex growing_;
  // Windows of int8 pages that may be in memory already, and how many more may come.
  // One byte each, zero pages until used.
  std::unique_ptr<uint8_t, void (*)(void*)> windows_;
  mutable std::atomic<int64_t> windowsLeft_;
};

}  // namespace nestbit
