// Which kernels run on this machine, and the choice of one.
#include "kernel.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "sets.h"

namespace nestbit {
namespace {

struct Supported {
  const Kernel* list[4];
  size_t count = 0;

  // The builtins also ask whether the operating system saves the wide registers.
  Supported() {
#if defined(NESTBIT_X86)
    __builtin_cpu_init();
    const bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    // This kernel borrows functions of the avx2 one.
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq");
    if (avx512) list[count++] = &avx512Kernel;
    if (avx2) list[count++] = &avx2Kernel;
#elif defined(NESTBIT_ARM)
    list[count++] = &neonKernel;
#endif
    list[count++] = &portableKernel;
  }
};

const Supported& supported() {
  static const Supported found;
  return found;
}

const Kernel* choose() {
  const Supported& found = supported();
  const char* wanted = std::getenv("NESTBIT_KERNEL");
  if (wanted == nullptr || *wanted == '\0') return found.list[0];
  std::string names;
  for (size_t i = 0; i < found.count; i++) {
    if (std::strcmp(found.list[i]->name, wanted) == 0) return found.list[i];
    names += (i == 0 ? "" : ", ") + std::string(found.list[i]->name);
  }
  throw std::invalid_argument("NESTBIT_KERNEL is \"" + std::string(wanted) + "\"; this machine runs: " + names);
}

}  // namespace

const Kernel& kernel() {
  // A throw leaves it unset: the next call tries again.
  static const Kernel* const chosen = choose();
  return *chosen;
}

const Kernel* const* kernels(size_t* count) {
  const Supported& found = supported();
  *count = found.count;
  return found.list;
}

}  // namespace nestbit
