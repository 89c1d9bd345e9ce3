// The parts of the neon kernel that have files of their own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nestbit {
namespace neon {

void refine(const int16_t* weights, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
            double* out);
void rescore(const double* weights, const int8_t* codes, size_t stride, const uint32_t* index, size_t count,
             size_t dimensions, double* out);

// Asks for the cache lines of a row.
static inline void fetch(const void* row, size_t bytes) {
  const char* at = static_cast<const char*>(row);
  for (size_t line = 0; line < bytes; line += 64) __builtin_prefetch(at + line);
  __builtin_prefetch(at + bytes - 1);
}

}  // namespace neon
}  // namespace nestbit
