#include "bus-guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace nestbit {
namespace {

std::atomic<BusGuard::Range*> ranges{nullptr};
std::mutex changing;
struct sigaction previous;
uintptr_t page;

BusGuard::Range* rangeOf(uintptr_t address) {
  for (BusGuard::Range* range = ranges.load(std::memory_order_acquire); range != nullptr; range = range->next) {
    const uintptr_t begin = range->begin.load(std::memory_order_acquire);
    if (begin != 0 && begin <= address && address < range->end.load(std::memory_order_acquire)) return range;
  }
  return nullptr;
}

// Only what may be called in a signal handler: atomics and system calls.
void onBusError(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  BusGuard::Range* const range = rangeOf(address);
  if (range != nullptr) {
    range->hit.store(true, std::memory_order_release);
    const uintptr_t first = address / page * page;
    void* const zeros = mmap(reinterpret_cast<void*>(first), range->end.load() - first, PROT_READ,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    errno = error;
    if (zeros != MAP_FAILED) return;
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0) return previous.sa_sigaction(signal, info, context);
  if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) return previous.sa_handler(signal);
  // The same access raises it again, and ends the process as it would have without us.
  sigaction(SIGBUS, &previous, nullptr);
}

void install() {
  page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = onBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous);
}

}  // namespace

BusGuard::BusGuard(uint8_t* begin, size_t bytes) {
  static std::once_flag once;
  std::call_once(once, install);
  std::lock_guard<std::mutex> lock(changing);
  Range* range = ranges.load();
  while (range != nullptr && range->begin.load() != 0) range = range->next;
  if (range == nullptr) {
    range = new Range();
    range->next = ranges.load();
    ranges.store(range, std::memory_order_release);
  }
  range->hit = false;
  range->end = reinterpret_cast<uintptr_t>(begin) + bytes;
  range->begin.store(reinterpret_cast<uintptr_t>(begin), std::memory_order_release);
  range_ = range;
}

BusGuard::~BusGuard() {
  std::lock_guard<std::mutex> lock(changing);
  range_->begin = 0;
}

bool BusGuard::hit() const { return range_->hit.load(std::memory_order_acquire); }

}  // namespace nestbit
