// Every kernel this machine runs against naive loops, seeded. Ends with 1 if anything differs.
#include "check.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "fault.h"

using nestbit::Kernel;

namespace nestbit {
#if defined(__x86_64__)
extern const Kernel emulatedKernel;
#endif
}  // namespace nestbit

void checkKernel(const Kernel& kernel) {
  checkDistances(kernel);
  checkScores(kernel);
  checkRowScores(kernel);
  checkScan(kernel);
}

void checkChoice() {
  size_t count;
  const Kernel* const* list = nestbit::kernels(&count);
  expect(count >= 1 && std::strcmp(list[count - 1]->name, "portable") == 0, "portable is not the last kernel");
  setenv("NESTBIT_KERNEL", "abacus", 1);
  try {
    nestbit::kernel();
    expect(false, "an unknown kernel is accepted");
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    for (const char* part : {"abacus", "portable", list[0]->name}) {
      expect(message.find(part) != std::string::npos, "\"%s\" does not name %s", message.c_str(), part);
    }
  }
  // Once chosen, it stays.
  setenv("NESTBIT_KERNEL", "portable", 1);
  expect(std::strcmp(nestbit::kernel().name, "portable") == 0, "NESTBIT_KERNEL=portable is not obeyed");
  unsetenv("NESTBIT_KERNEL");
  expect(std::strcmp(nestbit::kernel().name, "portable") == 0, "the kernel changes");
}

int main() {
  checkChoice();
  checkNearest();
  std::string missing;
  for (const std::string name : {"avx512", "avx2", "neon", "portable"}) {
    size_t count;
    const Kernel* const* list = nestbit::kernels(&count);
    const Kernel* found = nullptr;
    for (size_t i = 0; i < count; i++) {
      if (list[i]->name == name) found = list[i];
    }
    if (found == nullptr) {
      missing += " " + name;
      continue;
    }
    checkKernel(*found);
    std::printf("checked: %s\n", found->name);
  }
#if defined(__x86_64__)
  // Its refine and rescore are those of AVX2.
  size_t count;
  if (nestbit::kernels(&count), count > 1) {
    checkKernel(nestbit::emulatedKernel);
    std::printf("checked: the logic of avx512, its operations emulated\n");
  }
#endif
  if (!missing.empty()) std::printf("cannot run here:%s\n", missing.c_str());
  std::printf("%d faults\n", faults);
  return faults == 0 ? 0 : 1;
}
