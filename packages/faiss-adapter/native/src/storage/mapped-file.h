// A file that only grows, read through memory that does not move while it grows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bus-guard.h"

namespace nestbit {

class MappedFile {
 public:
  // Opens a file for reading and reserves `reserve` bytes of address space; nothing is mapped yet. small: a touch
  // brings in a few pages, never a whole huge page of the page cache. Throws Failure FILE_NOT_FOUND.
  MappedFile(const std::string& path, size_t reserve, bool small = false);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Maps the first `bytes`. Throws Failure STORE_DAMAGED when the file is shorter. Not for two threads at once;
  // what was mapped before stays where it is, so readers go on.
  void grow(size_t bytes);

  // Throws Failure STORE_DAMAGED when the file is shorter than what is mapped, or a page of it could not be read. What
  // was read before this call is then not to be used: parts of it may have been zeros.
  void checkReadable() const;

  // Gives the mapped pages back to the page cache; they come again when touched.
  void release();

  // Copies `bytes` at `offset` without mapping them.
  void read(uint8_t* to, size_t bytes, size_t offset) const;

  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  int file_ = -1;
  uint8_t* base_ = nullptr;
  size_t reserved_ = 0;
  uint8_t* data_ = nullptr;
  size_t most_ = 0;
  std::atomic<size_t> size_{0};
  std::unique_ptr<BusGuard> guard_;
};

}  // namespace nestbit
