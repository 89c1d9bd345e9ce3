// Files of faiss's own format, through its reader and writer seams.
#pragma once

#include <faiss/impl/io.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "index-layout.h"

namespace nestbit {

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

// Gives a file to faiss whose layout was checked (index-layout.h). Throws Failure FILE_NOT_FOUND, INDEX_INVALID, also
// when the file changes between the check and the reading.
class CheckedReader : public faiss::IOReader {
 public:
  explicit CheckedReader(const std::string& path);
  size_t operator()(void* to, size_t size, size_t count) override;

 private:
  void checkUnchanged(const uint8_t* bytes, uint64_t count);

  File file_;
  std::vector<LayoutPiece> layout_;
  size_t next_ = 0;  // The first piece that has not been read to its end.
  uint64_t at_ = 0;
};

// Writes beside the path; commit() puts the whole file there. Throws Failure FILE_WRITE.
class AtomicWriter : public faiss::IOWriter {
 public:
  explicit AtomicWriter(const std::string& path);
  ~AtomicWriter() override;
  size_t operator()(const void* from, size_t size, size_t count) override;
  void commit();

 private:
  [[noreturn]] void fail() const;

  std::string path_, partial_;
  File file_;
};

}  // namespace nestbit
