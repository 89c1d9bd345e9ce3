// The kernels as their files define them. What may run on this machine is for kernel.cpp to decide.
#pragma once

#include "kernel.h"

#if defined(__x86_64__)
#define NESTBIT_X86 1
#elif defined(__aarch64__)
#define NESTBIT_ARM 1
#endif

namespace nestbit {

extern const Kernel portableKernel;
#if defined(NESTBIT_X86)
extern const Kernel avx2Kernel;
extern const Kernel avx512Kernel;
#elif defined(NESTBIT_ARM)
extern const Kernel neonKernel;
#endif

}  // namespace nestbit
