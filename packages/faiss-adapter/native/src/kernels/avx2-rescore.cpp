// Rescore sums on AVX2, in integers: three planes of 16-bit weights against codes widened to 16 bits.
#include "sets.h"

#if defined(NESTBIT_X86)
#include <immintrin.h>

#include "avx2.h"
#include "rescore-planes.h"

namespace nestbit {
namespace avx2 {
namespace {

NESTBIT_AVX2_INLINE __m256i weightsAt(const int16_t* at) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(at));
}

NESTBIT_AVX2_INLINE __m256i widened(const int8_t* at) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
}

NESTBIT_AVX2_INLINE int64_t total(__m256i x) {
  const __m256i low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(x));
  const __m256i sum = _mm256_add_epi64(low, _mm256_cvtepi32_epi64(_mm256_extracti128_si256(x, 1)));
  const __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  return _mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1);
}

struct Sums {
  __m256i low, middle, high;
};

NESTBIT_AVX2_INLINE void add(Sums& sums, const Planes& planes, size_t at, __m256i codes) {
  sums.low = _mm256_add_epi32(sums.low, _mm256_madd_epi16(codes, weightsAt(planes.low + at)));
  sums.middle = _mm256_add_epi32(sums.middle, _mm256_madd_epi16(codes, weightsAt(planes.middle + at)));
  sums.high = _mm256_add_epi32(sums.high, _mm256_madd_epi16(codes, weightsAt(planes.high + at)));
}

// Sums of two rows over at most planeDimensions.
NESTBIT_AVX2_INLINE void two(const Planes& planes, const int8_t* a, const int8_t* b, size_t dimensions,
                             double* out) {
  const __m256i zero = _mm256_setzero_si256();
  Sums sa = {zero, zero, zero};
  Sums sb = {zero, zero, zero};
  size_t at = 0;
  for (; at + 16 <= dimensions; at += 16) {
    add(sa, planes, at, widened(a + at));
    add(sb, planes, at, widened(b + at));
  }
  int64_t low[2] = {total(sa.low), total(sb.low)};
  int64_t middle[2] = {total(sa.middle), total(sb.middle)};
  int64_t high[2] = {total(sa.high), total(sb.high)};
  for (; at < dimensions; at++) {
    const int8_t code[2] = {a[at], b[at]};
    for (int k = 0; k < 2; k++) {
      low[k] += planes.low[at] * code[k];
      middle[k] += planes.middle[at] * code[k];
      high[k] += planes.high[at] * code[k];
    }
  }
  for (int k = 0; k < 2; k++) out[k] = join(low[k], middle[k], high[k]);
}

NESTBIT_AVX2_INLINE void fetch(const int8_t* row, size_t bytes) {
  const char* at = reinterpret_cast<const char*>(row);
  for (size_t line = 0; line < bytes; line += 64) _mm_prefetch(at + line, _MM_HINT_T0);
}

}  // namespace

NESTBIT_AVX2 void rescore(const double* weights, const int8_t* codes, size_t stride, const uint32_t* index,
                          size_t count, size_t dimensions, double* out) {
  for (size_t i = 0; i < count; i++) out[i] = 0;
  Planes planes;
  for (size_t first = 0; first < dimensions; first += planeDimensions) {
    const size_t some = dimensions - first < planeDimensions ? dimensions - first : planeDimensions;
    split(weights + first, some, &planes);
    for (size_t i = 0; i < count; i += 2) {
      for (size_t k = i + 2; k < i + 4 && k < count; k++) fetch(codes + index[k] * stride + first, some);
      const size_t other = i + 1 < count ? i + 1 : i;
      double sums[2];
      two(planes, codes + index[i] * stride + first, codes + index[other] * stride + first, some, sums);
      out[i] += sums[0];
      if (other != i) out[other] += sums[1];
    }
  }
}

}  // namespace avx2
}  // namespace nestbit
#endif
