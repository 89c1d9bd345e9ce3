// The parts of the avx2 kernel. Each file marks its functions with NESTBIT_AVX2, so no compiler flag is needed;
// such a function calls nothing inline from the standard library, whose one shared copy could then hold AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

#define NESTBIT_AVX2 __attribute__((target("avx2,bmi2,popcnt")))
#define NESTBIT_AVX2_INLINE __attribute__((target("avx2,bmi2,popcnt"), always_inline)) static inline

namespace nestbit {
namespace avx2 {

void distances(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out);
void gather(const uint8_t* query, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
            uint16_t* out);
void block(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out,
           size_t stride);
void within(const uint16_t* distances, size_t rows, uint16_t limit, uint64_t* bits);
void refine(const int16_t* weights, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
            double* out);
void rescore(const double* weights, const int8_t* codes, size_t stride, const uint32_t* index, size_t count,
             size_t dimensions, double* out);

}  // namespace avx2
}  // namespace nestbit
