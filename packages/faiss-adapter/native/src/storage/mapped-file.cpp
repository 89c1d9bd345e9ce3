#include "mapped-file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../failure.h"
#include "regular-file.h"

namespace nestbit {

namespace {

constexpr size_t hugePage = size_t{2} << 20;

}  // namespace

MappedFile::MappedFile(const std::string& path, size_t reserve, bool small)
    : path_(path), reserved_(reserve + 2 * hugePage), most_(reserve) {
  file_ = openRegular(path);
  void* memory = mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    const std::string why = std::strerror(errno);
    close(file_);
    throw Failure("OUT_OF_MEMORY", "No address space for " + path + ": " + why + "; raise the limit (ulimit -v).");
  }
  base_ = static_cast<uint8_t*>(memory);
  guard_ = std::make_unique<BusGuard>(base_, reserved_);
  data_ = base_;
  if (small) {
    // Linux maps a huge page of a file only where address and offset are alike within it, whatever it is advised.
    const size_t over = reinterpret_cast<uintptr_t>(base_) % hugePage;
    data_ = base_ + (hugePage - over) + static_cast<size_t>(sysconf(_SC_PAGESIZE));
  }
}

MappedFile::~MappedFile() {
  guard_.reset();
  munmap(base_, reserved_);
  close(file_);
}

void MappedFile::grow(size_t bytes) {
  if (bytes <= size_) return;
  struct stat status;
  // A page past the end of the file would kill the process when touched.
  if (fstat(file_, &status) != 0 || static_cast<size_t>(status.st_size) < bytes) {
    throw Failure("STORE_DAMAGED", path_ + " has " + std::to_string(status.st_size) + " bytes, its rows need " +
                                       std::to_string(bytes) + ". Restore the store from a copy.");
  }
  if (bytes > most_) {
    throw Failure("SEARCH_LIMIT", path_ + " would pass " + std::to_string(most_) + " bytes; use several stores.");
  }
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (guard_->hit()) checkReadable();
  const size_t from = size_ / page * page;
  if (mmap(data_ + from, bytes - from, PROT_READ, MAP_SHARED | MAP_FIXED, file_, static_cast<off_t>(from)) ==
      MAP_FAILED) {
    throw Failure("OUT_OF_MEMORY", path_ + " cannot be mapped: " + std::strerror(errno) + ".");
  }
  size_ = bytes;
}

void MappedFile::checkReadable() const {
  // Read first: the file and then the mapping may grow meanwhile.
  const size_t mapped = size_;
  struct stat status;
  // The rest of a file's last page is zeros, and raises no bus error: the size is looked at too.
  const bool shorter = fstat(file_, &status) != 0 || static_cast<size_t>(status.st_size) < mapped;
  if (!shorter && !guard_->hit()) return;
  throw Failure("STORE_DAMAGED", path_ + (shorter ? " became shorter while it was open: it has " +
                                                        std::to_string(status.st_size) + " bytes, its rows need " +
                                                        std::to_string(mapped) + "."
                                                  : " cannot be read everywhere.") +
                                     " Restore the store from a copy and open it again.");
}

void MappedFile::release() {
  if (size_ > 0) madvise(data_, size_, MADV_DONTNEED);
}

void MappedFile::read(uint8_t* to, size_t bytes, size_t offset) const {
  while (bytes > 0) {
    const ssize_t got = pread(file_, to, bytes, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const std::string why = got < 0 ? std::strerror(errno) : "the file ends there";
      throw Failure("STORE_DAMAGED", path_ + " cannot be read at " + std::to_string(offset) + ": " + why + ".");
    }
    to += got;
    bytes -= static_cast<size_t>(got);
    offset += static_cast<size_t>(got);
  }
}

}  // namespace nestbit
