// The avx2 kernel, put together.
#include "sets.h"

#if defined(NESTBIT_X86)
#include "avx2.h"

namespace nestbit {

const Kernel avx2Kernel = {"avx2",      avx2::distances, avx2::gather, avx2::block,
                           avx2::within, avx2::refine,    avx2::rescore};

}  // namespace nestbit
#endif
