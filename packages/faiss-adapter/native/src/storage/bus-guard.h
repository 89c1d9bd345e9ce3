// Memory of mapped files that can be read whatever becomes of the files: touching a page that a file no longer has, or
// that the disk does not give, raises SIGBUS, which would end the process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace nestbit {

// While it exists, a bus error in [begin, begin + bytes) puts zeros in place of the file's pages, from the bad page to
// the end, and is noted. Bus errors elsewhere go to the handler that was there before.
class BusGuard {
 public:
  BusGuard(uint8_t* begin, size_t bytes);
  ~BusGuard();
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;

  // Whether what was read since the start may have been zeros instead of the file's bytes.
  bool hit() const;

  // Never freed, since a handler may look at it at any time; used again.
  struct Range {
    std::atomic<uintptr_t> begin{0};  // 0: not in use.
    std::atomic<uintptr_t> end{0};
    std::atomic<bool> hit{false};
    Range* next = nullptr;
  };

 private:
  Range* range_;
};

}  // namespace nestbit
