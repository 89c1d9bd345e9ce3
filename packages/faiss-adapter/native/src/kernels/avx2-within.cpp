// Distances at most a limit on AVX2, 64 at a time.
#include "sets.h"

#if defined(NESTBIT_X86)
#include <immintrin.h>

#include "avx2.h"

namespace nestbit {
namespace avx2 {
namespace {

// AVX2 compares signed values only; a <= limit is min(a, limit) == a.
NESTBIT_AVX2_INLINE __m256i atMost(const uint16_t* at, __m256i limit) {
  const __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
  return _mm256_cmpeq_epi16(_mm256_min_epu16(value, limit), value);
}

// 32 distances to 32 bits.
NESTBIT_AVX2_INLINE uint64_t bitsOf32(const uint16_t* at, __m256i limit) {
  const __m256i packed = _mm256_packs_epi16(atMost(at, limit), atMost(at + 16, limit));
  // Packing works in each 128-bit half: 0-7, 16-23, 8-15, 24-31. Put in order.
  const __m256i ordered = _mm256_permute4x64_epi64(packed, 0xd8);
  return static_cast<uint32_t>(_mm256_movemask_epi8(ordered));
}

}  // namespace

NESTBIT_AVX2 void within(const uint16_t* distances, size_t rows, uint16_t limit, uint64_t* bits) {
  const __m256i most = _mm256_set1_epi16(static_cast<int16_t>(limit));
  size_t row = 0;
  for (; row + 64 <= rows; row += 64) {
    bits[row / 64] = bitsOf32(distances + row, most) | bitsOf32(distances + row + 32, most) << 32;
  }
  if (row == rows) return;
  uint64_t word = 0;
  for (size_t i = row; i < rows; i++) word |= static_cast<uint64_t>(distances[i] <= limit) << (i - row);
  bits[row / 64] = word;
}

}  // namespace avx2
}  // namespace nestbit
#endif
