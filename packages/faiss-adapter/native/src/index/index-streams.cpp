#include "index-streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>

#include "../failure.h"

namespace nestbit {
namespace {

// Every 64-bit number of the format is a count of rows or of stored values, but for this one of faiss's headers.
constexpr uint64_t faissDummy = 1 << 20;
// An id map, the index in it, and that one's centroids or codes.
constexpr size_t deepest = 3;

constexpr uint32_t named(const char (&name)[5]) {
  return static_cast<uint32_t>(name[0]) | static_cast<uint32_t>(name[1]) << 8 | static_cast<uint32_t>(name[2]) << 16 |
         static_cast<uint32_t>(name[3]) << 24;
}

// Four letters that begin with these two name a part of a file: a smaller number cannot.
bool begins(uint32_t name, char first, char second) {
  return (name & 0xffff) == (static_cast<uint32_t>(first) | static_cast<uint32_t>(second) << 8) && name >> 24 >= '0';
}

}  // namespace

CheckedReader::CheckedReader(const std::string& path) : file_(std::fopen(path.c_str(), "rb"), std::fclose) {
  struct stat status;
  if (file_ == nullptr || fstat(::fileno(file_.get()), &status) != 0)
    throw Failure("FILE_NOT_FOUND", path + " cannot be opened: " + std::strerror(errno) + ".");
  if (S_ISDIR(status.st_mode)) throw Failure("FILE_NOT_FOUND", path + " is a folder, not a file.");
  size_ = static_cast<uint64_t>(status.st_size);
}

size_t CheckedReader::operator()(void* to, size_t size, size_t count) {
  const size_t got = std::fread(to, size, count, file_.get());
  if (size == 8 && (lists_ == Lists::fullSizes || lists_ == Lists::sparseSizes)) {
    checkListSizes(static_cast<const uint64_t*>(to), got);
    loneValueNext_ = false;
  } else if (got == 1 && count == 1 && size == 8) {
    uint64_t value;
    std::memcpy(&value, to, 8);
    checkCount(value);
  } else {
    loneValueNext_ = false;
    uint32_t value;
    if (got != 1 || count != 1 || size != 4) return got;
    std::memcpy(&value, to, 4);
    checkPart(value);
  }
  return got;
}

void CheckedReader::checkPart(uint32_t name) {
  const bool index = name == named("IBxF") || name == named("IBwF") || name == named("IBHf") ||
                     name == named("IBMp") || name == named("IBM2");
  const bool lists = name == named("il00") || name == named("ilar");
  if (indexes_ == 0 && !index) throw Failure("INDEX_INVALID", "it starts like none");
  if (index && ++indexes_ > deepest) throw Failure("INDEX_INVALID", "indexes are nested in it");
  if ((begins(name, 'I', 'B') && !index) || (begins(name, 'i', 'l') && !lists))
    throw Failure("INDEX_INVALID", "it is neither flat nor IVF or HNSW, or its lists are in another file");
  if (lists_ == Lists::named) lists_ = name == named("full") ? Lists::full : Lists::sparse;
  if (lists) lists_ = Lists::named;
}

void CheckedReader::checkCount(uint64_t value) {
  if (lists_ == Lists::full || lists_ == Lists::sparse) {
    lists_ = lists_ == Lists::full ? Lists::fullSizes : Lists::sparseSizes;
  } else {
    // At last the bytes of a code in the lists.
    previous_ = value;
  }
  // A lone 64-bit value after the count 1 may be anything: an id, or a probability.
  const bool lone = loneValueNext_;
  loneValueNext_ = !lone && value == 1;
  if (!lone && value > size_ && value != faissDummy)
    throw Failure("INDEX_INVALID", "it counts " + std::to_string(value) + " values in " + std::to_string(size_) + " bytes");
}

void CheckedReader::checkListSizes(const uint64_t* sizes, size_t count) {
  const bool sparse = lists_ == Lists::sparseSizes;
  uint64_t left = size_ / (previous_ + 8);
  // Sparse ones are pairs of a list and its size.
  for (size_t i = sparse ? 1 : 0; i < count; i += sparse ? 2 : 1) {
    if (sizes[i] > left) throw Failure("INDEX_INVALID", "its lists hold more than the file");
    left -= sizes[i];
  }
  lists_ = Lists::none;
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
