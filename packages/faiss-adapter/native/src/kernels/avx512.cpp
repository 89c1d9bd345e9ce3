#include "sets.h"
#if defined(NESTBIT_X86)
#include "avx2.h"
namespace nestbit { const Kernel avx512Kernel = {"avx512", avx2::distances, avx2::gather, avx2::block, avx2::within, avx2::refine, avx2::rescore}; }
#endif
