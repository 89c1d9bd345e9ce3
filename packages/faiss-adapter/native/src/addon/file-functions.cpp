#include "file-functions.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "../failure.h"
#include "../storage/crc32c.h"
#include "../storage/regular-file.h"
#include "arguments.h"
#include "job.h"
#include "results.h"

namespace nestbit {

Napi::Value lockFile(const Napi::CallbackInfo& info) {
  const std::string path = nestbit::path(info[0], "path");
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0) return Napi::Number::New(info.Env(), file);
  const int why = errno;
  if (file >= 0) close(file);
  if (file >= 0 && why == EWOULDBLOCK) return info.Env().Undefined();
  throw Failure("FILE_WRITE", path + " cannot be locked: " + std::strerror(why) + ".");
}

Napi::Value lockHeld(const Napi::CallbackInfo& info) {
  const std::string path = nestbit::path(info[0], "path");
  // Not blocked by a pipe in its place; a shared lock, so that those who ask don't hinder each other.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return errno == ENOENT ? Napi::Boolean::New(info.Env(), false) : info.Env().Undefined();
  const bool held = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(file);
  return Napi::Boolean::New(info.Env(), held);
}

void unlockFile(const Napi::CallbackInfo& info) {
  // Closing the file ends the lock.
  close(static_cast<int>(wholeNumber(info[0], "lock", 0, 1 << 30)));
}

Napi::Value checksums(const Napi::CallbackInfo& info) {
  const size_t rows = wholeNumber(info[1], "rows", 1, 4294967295.0);
  const auto* codes = elements<uint8_t>(info[0], "codes", napi_uint8_array, anyLength);
  const size_t bytes = rowsOf(info[0], "codes", rows);
  const auto* before =
      info[2].IsUndefined() ? nullptr : elements<uint32_t>(info[2], "before", napi_uint32_array, rows);
  Result<uint32_t> sums(rows);
  for (size_t row = 0; row < rows; row++)
    sums.data()[row] = crc32c(codes + row * bytes, bytes, before == nullptr ? 0 : before[row]);
  return typedArray(info.Env(), napi_uint32_array, sums);
}

Napi::Value withChecksums(const Napi::CallbackInfo& info) {
  const size_t rows = wholeNumber(info[1], "rows", 1, 4294967295.0);
  const auto* codes = elements<uint8_t>(info[0], "codes", napi_uint8_array, anyLength);
  const size_t bytes = rowsOf(info[0], "codes", rows);
  Result<uint8_t> sealed(rows * (bytes + sizeof(uint32_t)));
  uint8_t* to = sealed.data();
  for (size_t row = 0; row < rows; row++, to += bytes + sizeof(uint32_t)) {
    const uint32_t sum = crc32c(codes + row * bytes, bytes);
    std::memcpy(to, codes + row * bytes, bytes);
    std::memcpy(to + bytes, &sum, sizeof sum);
  }
  return typedArray(info.Env(), napi_uint8_array, sealed);
}

Napi::Value checksumFile(const Napi::CallbackInfo& info) {
  const std::string path = nestbit::path(info[0], "path");
  const size_t bytes = wholeNumber(info[1], "bytes", 0, 1e15);
  auto sum = std::make_shared<uint32_t>(0);
  return start(
      info.Env(), 0, {},
      [=](const Stop& stop) {
        const std::unique_ptr<FILE, int (*)(FILE*)> file(fdopen(openRegular(path), "rb"), std::fclose);
        if (file == nullptr) throw std::bad_alloc();
        std::vector<uint8_t> buffer(size_t{1} << 20);
        for (size_t left = bytes; left > 0;) {
          if (stop != 0) throw Failure("ABORTED", "stopped");
          const size_t got = std::fread(buffer.data(), 1, std::min(left, buffer.size()), file.get());
          if (got == 0) throw Failure("STORE_DAMAGED", path + " is shorter than " + std::to_string(bytes) + " bytes.");
          *sum = crc32c(buffer.data(), got, *sum);
          left -= got;
        }
      },
      [sum](Napi::Env env) { return Napi::Number::New(env, *sum); });
}

void dropPages(const Napi::CallbackInfo& info) {
  const std::string path = nestbit::path(info[0], "path");
  // first-last permissions offset device inode path
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.size() <= path.size() || line.compare(line.size() - path.size(), path.size(), path) != 0) continue;
    unsigned long first = 0, last = 0;
    char writable = 0, shared = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx r%c%*c%c", &first, &last, &writable, &shared) != 4) continue;
    // Only what the file still has: pages written to in memory would be lost.
    if (writable == '-' && shared == 's') madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }
}

}  // namespace nestbit
