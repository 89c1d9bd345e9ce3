// Files of faiss's own format, through its reader and writer seams.
#pragma once

#include <faiss/impl/io.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

namespace nestbit {

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

// Reads with care: sizes are checked against the file before memory is asked for, and parts that we do not use
// (other indexes, lists in other files) are refused before faiss looks at them. Throws Failure FILE_NOT_FOUND,
// INDEX_INVALID.
class CheckedReader : public faiss::IOReader {
 public:
  explicit CheckedReader(const std::string& path);
  size_t operator()(void* to, size_t size, size_t count) override;

 private:
  void checkPart(uint32_t name);
  void checkCount(uint64_t value);
  void checkListSizes(const uint64_t* sizes, size_t count);

  // Where the sizes of the lists are: behind the name of the lists, that of their layout, and the sizes' number.
  enum class Lists { none, named, full, sparse, fullSizes, sparseSizes };

  File file_;
  uint64_t size_ = 0;
  uint64_t previous_ = 0;
  bool loneValueNext_ = false;
  size_t indexes_ = 0;
  Lists lists_ = Lists::none;
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
