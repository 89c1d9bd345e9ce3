#include "index-streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>

#include "../failure.h"
#include "../storage/regular-file.h"

namespace nestbit {

CheckedReader::CheckedReader(const std::string& path) : file_(fdopen(openRegular(path), "rb"), std::fclose) {
  struct stat status;
  if (file_ == nullptr || fstat(::fileno(file_.get()), &status) != 0)
    throw Failure("FILE_NOT_FOUND", path + " cannot be opened: " + std::strerror(errno) + ".");
  layout_ = checkLayout(file_.get(), static_cast<uint64_t>(status.st_size));
  std::rewind(file_.get());
}

size_t CheckedReader::operator()(void* to, size_t size, size_t count) {
  // faiss reads empty arrays too, whose memory is nowhere.
  if (size == 0 || count == 0) return 0;
  const size_t got = std::fread(to, size, count, file_.get());
  checkUnchanged(static_cast<const uint8_t*>(to), got * size);
  return got;
}

void CheckedReader::checkUnchanged(const uint8_t* bytes, uint64_t count) {
  const uint64_t end = at_ + count;
  for (; next_ < layout_.size() && layout_[next_].offset < end; next_++) {
    const LayoutPiece& piece = layout_[next_];
    const uint64_t from = std::max(at_, piece.offset), to = std::min<uint64_t>(end, piece.offset + piece.bytes.size());
    if (to > from && std::memcmp(bytes + (from - at_), piece.bytes.data() + (from - piece.offset), to - from) != 0)
      throw Failure("INDEX_INVALID", "it changed while it was read");
    if (to < piece.offset + piece.bytes.size()) break;
  }
  at_ = end;
}

namespace {

// As core's partialName: <path>.partial-<pid>-<12 hex digits>.
std::string partialName(const std::string& path) {
  std::random_device random;
  char digits[13];
  std::snprintf(digits, sizeof digits, "%08x%04x", random(), random() & 0xffffu);
  return path + ".partial-" + std::to_string(getpid()) + "-" + digits;
}

// Makes the name in the folder durable. Some file systems cannot sync a folder, which is no failure of the file.
void syncFolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int file = open(folder.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  fsync(file);
  close(file);
}

}  // namespace

AtomicWriter::AtomicWriter(const std::string& path)
    : path_(path),
      partial_(partialName(path)),
      // Exclusive: no other writer has the same file.
      file_(std::fopen(partial_.c_str(), "wbx"), std::fclose) {
  if (file_ == nullptr) fail();
}

AtomicWriter::~AtomicWriter() {
  // Not committed: nothing is left.
  if (file_ != nullptr) std::remove(partial_.c_str());
}

size_t AtomicWriter::operator()(const void* from, size_t size, size_t count) {
  // faiss writes empty vectors too, whose memory is nowhere.
  if (count == 0) return 0;
  const size_t put = std::fwrite(from, size, count, file_.get());
  if (put != count) fail();
  return put;
}

void AtomicWriter::commit() {
  if (std::fflush(file_.get()) != 0 || fsync(::fileno(file_.get())) != 0) fail();
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) fail();
  file_.reset();
  syncFolderOf(path_);
}

void AtomicWriter::fail() const {
  throw Failure("FILE_WRITE", path_ + " cannot be written: " + std::strerror(errno) + ".");
}

}  // namespace nestbit
