// Hamming distances on AVX-512, which counts the bits of 64-bit words itself (VPOPCNTDQ). Refine and rescore are
// those of AVX2: memory bounds them.
#include "sets.h"

#if defined(NESTBIT_X86)
#include <immintrin.h>

#include <cstring>

#include "avx2.h"

// GCC 12 takes the "undefined" operands of its own header for mistakes.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// The check compiles this file a second time, with its own 512-bit operations, for machines that have none.
#if !defined(NESTBIT_AVX512)
#define NESTBIT_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vpopcntdq")))
#endif
#define NESTBIT_AVX512_INLINE NESTBIT_AVX512 __attribute__((always_inline)) static inline

namespace nestbit {
namespace {

// The 64 bytes from `at` on, or the first `left` of them with zeros: a masked load does not read the others.
NESTBIT_AVX512_INLINE __m512i load(const uint8_t* at, size_t left) {
  return left >= 64 ? _mm512_loadu_si512(at) : _mm512_maskz_loadu_epi8((uint64_t{1} << left) - 1, at);
}

NESTBIT_AVX512_INLINE __m512i differing(__m512i query, const uint8_t* row, size_t left) {
  return _mm512_popcnt_epi64(_mm512_xor_si512(query, load(row, left)));
}

// Distances of four rows. out (4).
NESTBIT_AVX512_INLINE void four(const uint8_t* query, const uint8_t* const* rows, size_t bytes, uint16_t* out) {
  __m512i a = _mm512_setzero_si512();
  __m512i b = a, c = a, d = a;
  for (size_t at = 0; at < bytes; at += 64) {
    const __m512i q = load(query + at, bytes - at);
    a = _mm512_add_epi64(a, differing(q, rows[0] + at, bytes - at));
    b = _mm512_add_epi64(b, differing(q, rows[1] + at, bytes - at));
    c = _mm512_add_epi64(c, differing(q, rows[2] + at, bytes - at));
    d = _mm512_add_epi64(d, differing(q, rows[3] + at, bytes - at));
  }
  // Four 16-bit fields, one a row, in each lane; the sum over the lanes fits them, as a distance does.
  const __m512i ab = _mm512_or_si512(a, _mm512_slli_epi64(b, 16));
  const __m512i cd = _mm512_or_si512(c, _mm512_slli_epi64(d, 16));
  const __m512i fields = _mm512_or_si512(ab, _mm512_slli_epi64(cd, 32));
  // By hand, since the header's own reduction adds signed numbers, which the highest field overflows.
  const __m128i low = _mm_add_epi64(_mm512_extracti32x4_epi32(fields, 0), _mm512_extracti32x4_epi32(fields, 1));
  const __m128i high = _mm_add_epi64(_mm512_extracti32x4_epi32(fields, 2), _mm512_extracti32x4_epi32(fields, 3));
  const __m128i both = _mm_add_epi64(low, high);
  const uint64_t sums = static_cast<uint64_t>(_mm_cvtsi128_si64(both)) +
                        static_cast<uint64_t>(_mm_cvtsi128_si64(_mm_unpackhi_epi64(both, both)));
  std::memcpy(out, &sums, 8);
}

NESTBIT_AVX512 void distances(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out) {
  for (size_t row = 0; row < rows; row += 4) {
    const size_t last = rows - 1;
    const uint8_t* at[4];
    for (size_t k = 0; k < 4; k++) at[k] = codes + (row + k < last ? row + k : last) * bytes;
    const uintptr_t ahead = reinterpret_cast<uintptr_t>(at[0]) + 4096;
    for (size_t line = 0; line < 4 * bytes; line += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead + line), _MM_HINT_T0);
    }
    uint16_t some[4];
    four(query, at, bytes, some);
    for (size_t k = 0; k < 4 && row + k < rows; k++) out[row + k] = some[k];
  }
}

NESTBIT_AVX512_INLINE void fetch(const uint8_t* row, size_t bytes) {
  const char* at = reinterpret_cast<const char*>(row);
  for (size_t line = 0; line < bytes; line += 64) _mm_prefetch(at + line, _MM_HINT_T0);
  _mm_prefetch(at + bytes - 1, _MM_HINT_T0);
}

NESTBIT_AVX512 void gather(const uint8_t* query, const uint8_t* codes, const uint32_t* index, size_t count,
                           size_t bytes, uint16_t* out) {
  constexpr size_t ahead = 12;
  for (size_t i = 0; i < ahead && i < count; i++) fetch(codes + index[i] * bytes, bytes);
  for (size_t i = 0; i < count; i += 4) {
    const size_t last = count - 1;
    const uint8_t* at[4];
    for (size_t k = 0; k < 4; k++) {
      if (i + ahead + k < count) fetch(codes + index[i + ahead + k] * bytes, bytes);
      at[k] = codes + index[i + k < last ? i + k : last] * bytes;
    }
    uint16_t some[4];
    four(query, at, bytes, some);
    for (size_t k = 0; k < 4 && i + k < count; k++) out[i + k] = some[k];
  }
}

// Words of 8 rows transposed at once: 8 KiB.
constexpr size_t tileWords = 128;

NESTBIT_AVX512_INLINE uint64_t wordAt(const uint8_t* code, size_t at, size_t bytes) {
  uint64_t word = 0;
  if (at + 8 <= bytes) {
    std::memcpy(&word, code + at, 8);
  } else {
    for (size_t i = 0; at + i < bytes; i++) word |= static_cast<uint64_t>(code[at + i]) << (8 * i);
  }
  return word;
}

// All queries against 8 rows, whose words are transposed: a vector holds one word of each row, and no sum runs
// across lanes.
NESTBIT_AVX512 void eight(const uint8_t* queries, size_t count, const uint8_t* codes, size_t bytes, uint16_t* out,
                          size_t stride) {
  alignas(64) uint64_t tile[tileWords][8];
  for (size_t first = 0; first < bytes; first += tileWords * 8) {
    const size_t last = bytes - first < tileWords * 8 ? bytes : first + tileWords * 8;
    for (size_t at = first; at < last; at += 8) {
      for (size_t row = 0; row < 8; row++) tile[(at - first) / 8][row] = wordAt(codes + row * bytes, at, bytes);
    }
    for (size_t q = 0; q < count; q++) {
      __m512i sums = _mm512_setzero_si512();
      for (size_t at = first; at < last; at += 8) {
        const __m512i query = _mm512_set1_epi64(static_cast<int64_t>(wordAt(queries + q * bytes, at, bytes)));
        const __m512i rows = _mm512_loadu_si512(tile[(at - first) / 8]);
        sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(_mm512_xor_si512(query, rows)));
      }
      __m128i* to = reinterpret_cast<__m128i*>(out + q * stride);
      __m128i narrow = _mm512_cvtepi64_epi16(sums);
      if (first != 0) narrow = _mm_add_epi16(narrow, _mm_loadu_si128(to));
      _mm_storeu_si128(to, narrow);
    }
  }
}

NESTBIT_AVX512 void block(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes,
                          uint16_t* out, size_t stride) {
  size_t row = 0;
  // One or two queries do not pay for the transposition.
  if (count >= 3) {
    for (; row + 8 <= rows; row += 8) eight(queries, count, codes + row * bytes, bytes, out + row, stride);
  }
  if (row == rows) return;
  for (size_t q = 0; q < count; q++) {
    distances(queries + q * bytes, codes + row * bytes, rows - row, bytes, out + q * stride + row);
  }
}

NESTBIT_AVX512 void within(const uint16_t* distances, size_t rows, uint16_t limit, uint64_t* bits) {
  const __m512i most = _mm512_set1_epi16(static_cast<int16_t>(limit));
  size_t row = 0;
  for (; row + 64 <= rows; row += 64) {
    const uint64_t low = _mm512_cmple_epu16_mask(_mm512_loadu_si512(distances + row), most);
    const uint64_t high = _mm512_cmple_epu16_mask(_mm512_loadu_si512(distances + row + 32), most);
    bits[row / 64] = low | high << 32;
  }
  if (row == rows) return;
  uint64_t word = 0;
  for (size_t i = row; i < rows; i++) word |= static_cast<uint64_t>(distances[i] <= limit) << (i - row);
  bits[row / 64] = word;
}

}  // namespace

const Kernel avx512Kernel = {"avx512", distances, gather, block, within, avx2::refine, avx2::rescore};

}  // namespace nestbit
#endif
