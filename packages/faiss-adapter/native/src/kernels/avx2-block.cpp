// Several queries against rows on AVX2, by the look-ups of "fast scan" (André, Kermarrec and Le Scouarnec,
// "Cache locality is not enough", VLDB 2015). Rows are transposed once for all queries: a vector holds one
// nibble position of 32 rows, and one look-up in the 16 bit counts of (nibble ^ query nibble) serves 32 rows.
#include "sets.h"

#if defined(NESTBIT_X86)
#include <immintrin.h>

#include "avx2.h"

namespace nestbit {
namespace avx2 {
namespace {

constexpr size_t groupRows = 64;
// Byte positions transposed at once: 16 KiB, half of the L1 cache.
constexpr size_t tileBytes = 128;
// A byte adds at most 8 to its 8-bit lane.
constexpr size_t bytesUntilOverflow = 31;

// One byte position of 64 rows, split in nibbles.
struct Position {
  __m256i low[2];
  __m256i high[2];
};

// For each byte of a query, the counts of bits set in (its low nibble ^ n), n = 0 to 15, then in (its high
// nibble ^ n).
struct Counts {
  alignas(64) uint8_t entry[256][32];
  constexpr Counts() : entry() {
    for (int byte = 0; byte < 256; byte++) {
      for (int n = 0; n < 32; n++) {
        const int nibble = n < 16 ? byte & 15 : byte >> 4;
        uint8_t count = 0;
        for (int x = nibble ^ (n & 15); x != 0; x >>= 1) count = static_cast<uint8_t>(count + (x & 1));
        entry[byte][n] = count;
      }
    }
  }
};
constexpr Counts counts;

NESTBIT_AVX2_INLINE __m256i twice(const uint8_t* table) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(table)));
}

// 16 byte positions of 32 rows, from row[0..31] + at, to the 32 lanes of 16 vectors.
NESTBIT_AVX2_INLINE void transpose(const uint8_t* const* row, size_t at, __m256i* out) {
  __m256i x[16], y[16];
  for (int i = 0; i < 16; i++) {
    const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[i] + at));
    const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row[i + 16] + at));
    x[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  }
  // Each interleaving rotates the 8 bits of (row, position) by one; four exchange row and position.
  for (int i = 0; i < 8; i++) {
    y[2 * i] = _mm256_unpacklo_epi8(x[i], x[i + 8]);
    y[2 * i + 1] = _mm256_unpackhi_epi8(x[i], x[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    x[2 * i] = _mm256_unpacklo_epi8(y[i], y[i + 8]);
    x[2 * i + 1] = _mm256_unpackhi_epi8(y[i], y[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    y[2 * i] = _mm256_unpacklo_epi8(x[i], x[i + 8]);
    y[2 * i + 1] = _mm256_unpackhi_epi8(x[i], x[i + 8]);
  }
  for (int i = 0; i < 8; i++) {
    out[2 * i] = _mm256_unpacklo_epi8(y[i], y[i + 8]);
    out[2 * i + 1] = _mm256_unpackhi_epi8(y[i], y[i + 8]);
  }
}

// Byte positions [first, last) of 64 rows of at least 16 bytes. tile (last - first).
NESTBIT_AVX2 void fill(const uint8_t* const* row, size_t first, size_t last, size_t bytes, Position* tile) {
  const __m256i nibble = _mm256_set1_epi8(15);
  for (size_t p = first; p < last; p += 16) {
    // The last load reaches back, not past the row.
    const size_t at = p + 16 <= bytes ? p : bytes - 16;
    for (size_t half = 0; half < 2; half++) {
      __m256i vectors[16];
      transpose(row + half * 32, at, vectors);
      for (size_t i = p; i < p + 16 && i < last; i++) {
        const __m256i x = vectors[i - at];
        tile[i - first].low[half] = _mm256_and_si256(x, nibble);
        tile[i - first].high[half] = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);
      }
    }
  }
}

// 32 sums of 8 bits, widened, set or added to out (32).
NESTBIT_AVX2_INLINE void widen(__m256i sums, bool set, uint16_t* out) {
  __m256i* at = reinterpret_cast<__m256i*>(out);
  __m256i low = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(sums));
  __m256i high = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(sums, 1));
  if (!set) {
    low = _mm256_add_epi16(low, _mm256_loadu_si256(at));
    high = _mm256_add_epi16(high, _mm256_loadu_si256(at + 1));
  }
  _mm256_storeu_si256(at, low);
  _mm256_storeu_si256(at + 1, high);
}

// Distances of Q queries to 64 rows over `positions` bytes; `set` is whether these are the first. out (Q, 64),
// stride apart.
template <int Q>
NESTBIT_AVX2 __attribute__((noinline)) void lookUp(const uint8_t* queries, size_t bytes, const Position* tile, size_t positions, bool set,
                         uint16_t* out, size_t stride) {
  for (size_t first = 0; first < positions; first += bytesUntilOverflow) {
    const size_t last = positions - first < bytesUntilOverflow ? positions : first + bytesUntilOverflow;
    __m256i sums[Q][2];
    for (int q = 0; q < Q; q++) sums[q][0] = sums[q][1] = _mm256_setzero_si256();
    for (size_t p = first; p < last; p++) {
      const __m256i low0 = tile[p].low[0], low1 = tile[p].low[1];
      const __m256i high0 = tile[p].high[0], high1 = tile[p].high[1];
      for (int q = 0; q < Q; q++) {
        const uint8_t* table = counts.entry[queries[q * bytes + p]];
        const __m256i low = twice(table), high = twice(table + 16);
        sums[q][0] = _mm256_add_epi8(sums[q][0], _mm256_shuffle_epi8(low, low0));
        sums[q][1] = _mm256_add_epi8(sums[q][1], _mm256_shuffle_epi8(low, low1));
        sums[q][0] = _mm256_add_epi8(sums[q][0], _mm256_shuffle_epi8(high, high0));
        sums[q][1] = _mm256_add_epi8(sums[q][1], _mm256_shuffle_epi8(high, high1));
      }
    }
    for (int q = 0; q < Q; q++) {
      widen(sums[q][0], set && first == 0, out + q * stride);
      widen(sums[q][1], set && first == 0, out + q * stride + 32);
    }
  }
}

// All queries against up to 64 rows. out rows are `stride` apart and hold 64.
NESTBIT_AVX2 void group(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes,
                        uint16_t* out, size_t stride) {
  const uint8_t* row[groupRows];
  for (size_t i = 0; i < groupRows; i++) row[i] = codes + (i < rows ? i : rows - 1) * bytes;
  Position tile[tileBytes];
  for (size_t first = 0; first < bytes; first += tileBytes) {
    const size_t last = bytes - first < tileBytes ? bytes : first + tileBytes;
    fill(row, first, last, bytes, tile);
    size_t q = 0;
    for (; q + 4 <= count; q += 4) {
      lookUp<4>(queries + q * bytes + first, bytes, tile, last - first, first == 0, out + q * stride, stride);
    }
    for (; q < count; q++) {
      lookUp<1>(queries + q * bytes + first, bytes, tile, last - first, first == 0, out + q * stride, stride);
    }
  }
}

}  // namespace

NESTBIT_AVX2 void block(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes,
                        uint16_t* out, size_t stride) {
  size_t row = 0;
  // Few queries or short rows do not pay for the transposition.
  if (count >= 3 && bytes >= 16) {
    for (; row + groupRows <= rows; row += groupRows) {
      group(queries, count, codes + row * bytes, groupRows, bytes, out + row, stride);
    }
  }
  if (row == rows) return;
  for (size_t q = 0; q < count; q++) {
    distances(queries + q * bytes, codes + row * bytes, rows - row, bytes, out + q * stride + row);
  }
}

}  // namespace avx2
}  // namespace nestbit
#endif
