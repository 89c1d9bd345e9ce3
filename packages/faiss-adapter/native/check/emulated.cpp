// The avx512 kernel over emulated operations, under another name.
#if defined(__x86_64__)
#include "avx512-emulated.h"

#define avx512Kernel emulatedKernel
namespace nestbit {
struct Kernel;
extern const Kernel emulatedKernel;
}  // namespace nestbit
#include "../src/kernels/avx512.cpp"
#endif
