// What the benchmarks compare with, in the same process: reading memory, and faiss's own searches.
#pragma once

#include <napi.h>

namespace nestbit {

// yardsticks: { readMemory(bytes): seconds, scan(codes, queries, bytes, k, threads): seconds,
// faissFlat(codes, queries, bytes, k): seconds, ExactFloat }
void defineYardsticks(Napi::Env env, Napi::Object exports);

}  // namespace nestbit
