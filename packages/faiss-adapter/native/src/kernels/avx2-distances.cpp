// One query against rows on AVX2: bits are counted by nibble look-ups, four rows at a time (Mula, Kurz and
// Lemire, "Faster population counts using AVX2 instructions", 2018).
#include "sets.h"

#if defined(NESTBIT_X86)
#include <immintrin.h>

#include <cstring>

#include "avx2.h"

namespace nestbit {
namespace avx2 {
namespace {

NESTBIT_AVX2_INLINE __m256i load(const uint8_t* at) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
}

// Bits set in each byte.
NESTBIT_AVX2_INLINE __m256i ones(__m256i x) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, nibble));
  const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble));
  return _mm256_add_epi8(low, high);
}

struct Rows {
  const uint8_t *a, *b, *c, *d;
};

// Differing bits of four rows, in 8-bit lanes: each 32 bytes added raise a lane by at most 8.
struct Lanes {
  __m256i a, b, c, d;
};

NESTBIT_AVX2_INLINE void add(Lanes& lanes, const uint8_t* query, const Rows& rows, size_t at, __m256i mask) {
  const __m256i q = load(query + at);
  lanes.a = _mm256_add_epi8(lanes.a, ones(_mm256_and_si256(mask, _mm256_xor_si256(q, load(rows.a + at)))));
  lanes.b = _mm256_add_epi8(lanes.b, ones(_mm256_and_si256(mask, _mm256_xor_si256(q, load(rows.b + at)))));
  lanes.c = _mm256_add_epi8(lanes.c, ones(_mm256_and_si256(mask, _mm256_xor_si256(q, load(rows.c + at)))));
  lanes.d = _mm256_add_epi8(lanes.d, ones(_mm256_and_si256(mask, _mm256_xor_si256(q, load(rows.d + at)))));
}

// The sum of each row: four 16-bit fields, one a row, in each 64-bit lane.
NESTBIT_AVX2_INLINE __m256i fields(const Lanes& lanes) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i ab =
      _mm256_or_si256(_mm256_sad_epu8(lanes.a, zero), _mm256_slli_epi64(_mm256_sad_epu8(lanes.b, zero), 16));
  const __m256i cd =
      _mm256_or_si256(_mm256_sad_epu8(lanes.c, zero), _mm256_slli_epi64(_mm256_sad_epu8(lanes.d, zero), 16));
  return _mm256_or_si256(ab, _mm256_slli_epi64(cd, 32));
}

// Keeps, of the last 32 bytes, the bytes % 32 that no whole vector covers.
NESTBIT_AVX2_INLINE __m256i tailMask(size_t bytes) {
  alignas(32) static const int8_t edge[64] = {
      0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
      0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
      -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
  return load(reinterpret_cast<const uint8_t*>(edge) + bytes % 32);
}

// Distances of four rows of at least 32 bytes. out (4).
NESTBIT_AVX2_INLINE void four(const uint8_t* query, const Rows& rows, size_t bytes, uint16_t* out) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i all = _mm256_set1_epi8(-1);
  const size_t whole = bytes / 32 * 32;
  __m256i sums = zero;
  size_t at = 0;
  do {
    // 30 vectors and the tail raise a lane to 248 at most.
    const size_t end = whole - at < 30 * 32 ? whole : at + 30 * 32;
    Lanes lanes = {zero, zero, zero, zero};
    for (; at < end; at += 32) add(lanes, query, rows, at, all);
    if (at == whole && whole != bytes) add(lanes, query, rows, bytes - 32, tailMask(bytes));
    sums = _mm256_add_epi16(sums, fields(lanes));
  } while (at < whole);
  __m128i pair = _mm_add_epi16(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  pair = _mm_add_epi16(pair, _mm_unpackhi_epi64(pair, pair));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), pair);
}

NESTBIT_AVX2_INLINE uint64_t word(const uint8_t* at) {
  uint64_t value;
  std::memcpy(&value, at, 8);
  return value;
}

// Distance of one row of fewer than 32 bytes.
NESTBIT_AVX2_INLINE uint16_t narrow(const uint8_t* query, const uint8_t* row, size_t bytes) {
  int64_t sum = 0;
  size_t at = 0;
  for (; at + 8 <= bytes; at += 8) sum += _mm_popcnt_u64(word(query + at) ^ word(row + at));
  if (bytes >= 8 && at != bytes) {
    // The last word again, less the bytes already counted.
    sum += _mm_popcnt_u64((word(query + bytes - 8) ^ word(row + bytes - 8)) >> (8 * (8 - bytes % 8)));
  } else {
    for (; at < bytes; at++) sum += _mm_popcnt_u32(static_cast<uint32_t>(query[at] ^ row[at]));
  }
  return static_cast<uint16_t>(sum);
}

// `bytes` is a constant where the caller inlines it with one: then the loops unroll.
NESTBIT_AVX2_INLINE void contiguous(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes,
                                    uint16_t* out) {
  size_t row = 0;
  for (; row + 4 <= rows; row += 4) {
    const uint8_t* at = codes + row * bytes;
    // Prefetching hardware stops at each 4 KiB page. An address past the end does no harm.
    for (size_t line = 0; line < 4 * bytes; line += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(reinterpret_cast<uintptr_t>(at) + 4096 + line), _MM_HINT_T0);
    }
    four(query, {at, at + bytes, at + 2 * bytes, at + 3 * bytes}, bytes, out + row);
  }
  if (row == rows) return;
  const uint8_t* at = codes + row * bytes;
  const size_t last = (rows - row - 1) * bytes;
  uint16_t rest[4];
  four(query, {at, last < bytes ? at : at + bytes, at + last, at + last}, bytes, rest);
  for (size_t i = 0; row < rows; i++, row++) out[row] = rest[i];
}

// Asks for the cache lines of a row.
NESTBIT_AVX2_INLINE void fetch(const uint8_t* row, size_t bytes) {
  const char* at = reinterpret_cast<const char*>(row);
  for (size_t line = 0; line < bytes; line += 64) _mm_prefetch(at + line, _MM_HINT_T0);
  _mm_prefetch(at + bytes - 1, _MM_HINT_T0);
}

}  // namespace

NESTBIT_AVX2 void distances(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out) {
  if (bytes < 32) {
    for (size_t row = 0; row < rows; row++) out[row] = narrow(query, codes + row * bytes, bytes);
    return;
  }
  switch (bytes) {
    case 32: return contiguous(query, codes, rows, 32, out);
    case 64: return contiguous(query, codes, rows, 64, out);
    case 96: return contiguous(query, codes, rows, 96, out);
    case 128: return contiguous(query, codes, rows, 128, out);
    default: return contiguous(query, codes, rows, bytes, out);
  }
}

NESTBIT_AVX2 void gather(const uint8_t* query, const uint8_t* codes, const uint32_t* index, size_t count,
                         size_t bytes, uint16_t* out) {
  if (count == 0) return;
  constexpr size_t ahead = 12;
  const size_t start = count < ahead ? count : ahead;
  for (size_t i = 0; i < start; i++) fetch(codes + index[i] * bytes, bytes);
  for (size_t i = 0; i < count; i += 4) {
    const size_t last = count - 1;
    const uint8_t* row[4];
    for (size_t k = 0; k < 4; k++) {
      if (i + ahead + k < count) fetch(codes + index[i + ahead + k] * bytes, bytes);
      row[k] = codes + index[i + k < last ? i + k : last] * bytes;
    }
    uint16_t some[4];
    if (bytes < 32) {
      for (size_t k = 0; k < 4; k++) some[k] = narrow(query, row[k], bytes);
    } else {
      four(query, {row[0], row[1], row[2], row[3]}, bytes, some);
    }
    for (size_t k = 0; k < 4 && i + k < count; k++) out[i + k] = some[k];
  }
}

}  // namespace avx2
}  // namespace nestbit
#endif
