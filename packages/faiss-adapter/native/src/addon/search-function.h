// The search of a store as a JavaScript function.
#pragma once

#include <napi.h>

namespace nestbit {

// search({ files, index?, indexed, rows, pass?, passing, prefilter, rescored, k, probes, efSearch, stage, threads,
// token, count, bits, bitWeights, bitFactors?, bitOffsets?, bitScale, bitBias, rescoreWeights?, rescoreScale,
// rescoreBias }): promise of { width, rows, scores, found }. Factors and offsets are there when rows have scalars,
// rescore weights when they have copies.
// Their memory is not copied: nobody but this package reaches `pass` and the queries' arrays.
Napi::Value searchStore(const Napi::CallbackInfo& info);

}  // namespace nestbit
