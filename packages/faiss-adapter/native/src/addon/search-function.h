// The search of a store as a JavaScript function.
#pragma once

#include <napi.h>

namespace nestbit {

// search({ files, index?, indexed, rows, pass?, passing, prefilter, rescored, k, probes, efSearch, stage, threads,
// token, count, bits, refineWeights, rescoreWeights, scale, bias }): promise of { width, rows, scores, found }.
// `pass` and the queries' arrays must not change meanwhile.
Napi::Value searchStore(const Napi::CallbackInfo& info);

}  // namespace nestbit
