// Refine scores on AVX2: 16 bits spread to 16 lanes as 0 or -1, multiplied by their weights and added in pairs.
#include "sets.h"

#if defined(NESTBIT_X86)
#include <immintrin.h>

#include <cstring>

#include "avx2.h"

namespace nestbit {
namespace avx2 {
namespace {

// Lane i holds the bit of dimension i: most significant first in each byte, the first byte low.
NESTBIT_AVX2_INLINE __m256i selectors() {
  return _mm256_setr_epi16(0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, static_cast<int16_t>(0x8000), 0x4000,
                           0x2000, 0x1000, 0x0800, 0x0400, 0x0200, 0x0100);
}

// -1 in the lanes whose bit is set in the two bytes.
NESTBIT_AVX2_INLINE __m256i spread(const uint8_t* at) {
  int16_t two;
  std::memcpy(&two, at, 2);
  const __m256i bit = selectors();
  return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16(two), bit), bit);
}

NESTBIT_AVX2_INLINE int64_t total(__m256i x) {
  const __m256i low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(x));
  const __m256i sum = _mm256_add_epi64(low, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(x, 1)));
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}

// Sums of the weights of set bits, of two rows. A lane adds at most 2 * 32767 for each two bytes: below 2^29 at
// 8191 bytes.
NESTBIT_AVX2_INLINE void two(const int16_t* weights, const uint8_t* a, const uint8_t* b, size_t bytes, int64_t* out) {
  __m256i negatedA = _mm256_setzero_si256();
  __m256i negatedB = _mm256_setzero_si256();
  size_t at = 0;
  for (; at + 2 <= bytes; at += 2) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights + at * 8));
    negatedA = _mm256_add_epi32(negatedA, _mm256_madd_epi16(w, spread(a + at)));
    negatedB = _mm256_add_epi32(negatedB, _mm256_madd_epi16(w, spread(b + at)));
  }
  out[0] = -total(negatedA);
  out[1] = -total(negatedB);
  if (at == bytes) return;
  for (int bit = 0; bit < 8; bit++) {
    out[0] += ((a[at] >> (7 - bit)) & 1) * weights[at * 8 + bit];
    out[1] += ((b[at] >> (7 - bit)) & 1) * weights[at * 8 + bit];
  }
}

}  // namespace

NESTBIT_AVX2 void refine(const int16_t* weights, const uint8_t* codes, const uint32_t* index, size_t count,
                         size_t bytes, double* out) {
  int64_t all = 0;
  for (size_t i = 0; i < bytes * 8; i++) all += weights[i];
  constexpr size_t ahead = 8;
  for (size_t i = 0; i < count; i += 2) {
    for (size_t k = i + ahead; k < i + ahead + 2 && k < count; k++) {
      const char* next = reinterpret_cast<const char*>(codes + index[k] * bytes);
      for (size_t line = 0; line < bytes; line += 64) _mm_prefetch(next + line, _MM_HINT_T0);
    }
    const size_t other = i + 1 < count ? i + 1 : i;
    int64_t set[2];
    two(weights, codes + index[i] * bytes, codes + index[other] * bytes, bytes, set);
    out[i] = static_cast<double>(2 * set[0] - all);
    out[other] = static_cast<double>(2 * set[other - i] - all);
  }
}

}  // namespace avx2
}  // namespace nestbit
#endif
