// Several queries against rows on AVX2, by the look-ups of "fast scan" (André, Kermarrec and Le Scouarnec,
// "Cache locality is not enough", VLDB 2015). Rows are transposed once for all queries: a vector holds one
// nibble position of 32 rows, and one look-up in the bit counts of (nibble ^ query nibble) serves 32 rows. A
// count of 4 bits leaves room for a second one in its byte: each look-up serves two queries as well.
#include "sets.h"

#if defined(NESTBIT_X86)
#include <immintrin.h>

#include "avx2.h"

namespace nestbit {
namespace avx2 {
namespace {

constexpr size_t groupRows = 64;
constexpr size_t tileQueries = 64;
// Byte positions transposed at once: 16 KiB, half of the L1 cache.
constexpr size_t tileBytes = 128;
// Three counts, at most 4 each, fit 4 bits.
constexpr size_t run = 3;
constexpr size_t tilePlaces = (tileBytes + run - 1) / run * run;
// Then they move to 8-bit lanes, which 30 bytes raise to 240 at most.
constexpr size_t bytesUntilOverflow = 30;

// One byte position of 64 rows, split in nibbles.
struct Position {
  __m256i low[2];
  __m256i high[2];
};

// Entry [a * 16 + b][n]: the number of bits set in (a ^ n), and 16 times that in (b ^ n).
struct Counts {
  alignas(64) uint8_t entry[256][16];
  constexpr Counts() : entry() {
    for (int pair = 0; pair < 256; pair++) {
      for (int n = 0; n < 16; n++) {
        int count = 0;
        for (int x = (pair >> 4) ^ n; x != 0; x >>= 1) count += x & 1;
        for (int x = (pair & 15) ^ n; x != 0; x >>= 1) count += (x & 1) * 16;
        entry[pair][n] = static_cast<uint8_t>(count);
      }
    }
  }
};
constexpr Counts counts;

// Two queries, as the byte offsets of their tables in counts. Past their end they are 0, as the rows are.
struct Pair {
  uint16_t low[tilePlaces];
  uint16_t high[tilePlaces];
};

// a, b (positions)
void prepare(const uint8_t* a, const uint8_t* b, size_t positions, Pair* pair) {
  for (size_t p = 0; p < positions; p++) {
    pair->low[p] = static_cast<uint16_t>((a[p] & 15) << 8 | (b[p] & 15) << 4);
    pair->high[p] = static_cast<uint16_t>((a[p] >> 4) << 8 | (b[p] >> 4) << 4);
  }
  for (size_t p = positions; p < tilePlaces; p++) pair->low[p] = pair->high[p] = 0;
}

NESTBIT_AVX2_INLINE __m256i tableAt(size_t offset) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(counts.entry[0] + offset)));
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

// Byte positions [first, last) of 64 rows of at least 16 bytes, and zeros up to a whole run.
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
  const __m256i zero = _mm256_setzero_si256();
  for (size_t i = last - first; i % run != 0; i++) tile[i] = {{zero, zero}, {zero, zero}};
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

// Distances of two queries in 8-bit lanes.
struct Sums {
  __m256i a, b;
};

// Splits the two counts of each byte.
NESTBIT_AVX2_INLINE void split(Sums& sums, __m256i both) {
  const __m256i nibble = _mm256_set1_epi8(15);
  sums.a = _mm256_add_epi8(sums.a, _mm256_and_si256(both, nibble));
  sums.b = _mm256_add_epi8(sums.b, _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble));
}

NESTBIT_AVX2_INLINE __m256i sumOf3(__m256i x, __m256i y, __m256i z) {
  return _mm256_add_epi8(_mm256_add_epi8(x, y), z);
}

// Distances of two queries to 64 rows over `positions` bytes, set in outA and outB (64) or added to them.
NESTBIT_AVX2 __attribute__((noinline)) void lookUp(const Pair& pair, const Position* tile, size_t positions, bool set,
                                                   uint16_t* outA, uint16_t* outB) {
  const __m256i zero = _mm256_setzero_si256();
  for (size_t first = 0; first < positions; first += bytesUntilOverflow) {
    const size_t last = positions - first < bytesUntilOverflow ? positions : first + bytesUntilOverflow;
    Sums left = {zero, zero}, right = {zero, zero};
    for (size_t p = first; p < last; p += run) {
      const Position* at = tile + p;
      const __m256i l0 = tableAt(pair.low[p]), l1 = tableAt(pair.low[p + 1]), l2 = tableAt(pair.low[p + 2]);
      split(left, sumOf3(_mm256_shuffle_epi8(l0, at[0].low[0]), _mm256_shuffle_epi8(l1, at[1].low[0]),
                         _mm256_shuffle_epi8(l2, at[2].low[0])));
      split(right, sumOf3(_mm256_shuffle_epi8(l0, at[0].low[1]), _mm256_shuffle_epi8(l1, at[1].low[1]),
                          _mm256_shuffle_epi8(l2, at[2].low[1])));
      const __m256i h0 = tableAt(pair.high[p]), h1 = tableAt(pair.high[p + 1]), h2 = tableAt(pair.high[p + 2]);
      split(left, sumOf3(_mm256_shuffle_epi8(h0, at[0].high[0]), _mm256_shuffle_epi8(h1, at[1].high[0]),
                         _mm256_shuffle_epi8(h2, at[2].high[0])));
      split(right, sumOf3(_mm256_shuffle_epi8(h0, at[0].high[1]), _mm256_shuffle_epi8(h1, at[1].high[1]),
                          _mm256_shuffle_epi8(h2, at[2].high[1])));
    }
    const bool begins = set && first == 0;
    widen(left.a, begins, outA);
    widen(right.a, begins, outA + 32);
    widen(left.b, begins, outB);
    widen(right.b, begins, outB + 32);
  }
}

// Up to 64 queries against whole groups of 64 rows.
NESTBIT_AVX2 void groups(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes,
                         uint16_t* out, size_t stride) {
  Pair pairs[tileQueries / 2];
  Position tile[tilePlaces];
  for (size_t first = 0; first < bytes; first += tileBytes) {
    const size_t last = bytes - first < tileBytes ? bytes : first + tileBytes;
    for (size_t q = 0; q < count; q += 2) {
      // An odd last query is its own partner.
      const size_t other = q + 1 < count ? q + 1 : q;
      prepare(queries + q * bytes + first, queries + other * bytes + first, last - first, &pairs[q / 2]);
    }
    for (size_t row = 0; row < rows; row += groupRows) {
      const uint8_t* each[groupRows];
      each[0] = codes + row * bytes;
      for (size_t i = 1; i < groupRows; i++) each[i] = each[i - 1] + bytes;
      // Rows of the next group, or of the block after this one; an address past the end does no harm.
      const uintptr_t next = reinterpret_cast<uintptr_t>(each[0]) + groupRows * bytes;
      for (size_t line = 0; line < groupRows * bytes && first == 0; line += 64) {
        _mm_prefetch(reinterpret_cast<const char*>(next + line), _MM_HINT_T1);
      }
      fill(each, first, last, bytes, tile);
      for (size_t q = 0; q < count; q += 2) {
        uint16_t unused[groupRows] = {};
        uint16_t* a = out + q * stride + row;
        lookUp(pairs[q / 2], tile, last - first, first == 0, a, q + 1 < count ? a + stride : unused);
      }
    }
  }
}

}  // namespace

NESTBIT_AVX2 void block(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes,
                        uint16_t* out, size_t stride) {
  // Few queries or short rows do not pay for the transposition.
  const size_t whole = count >= 6 && bytes >= 16 ? rows / groupRows * groupRows : 0;
  for (size_t q = 0; q < count && whole != 0; q += tileQueries) {
    const size_t some = count - q < tileQueries ? count - q : tileQueries;
    groups(queries + q * bytes, some, codes, whole, bytes, out + q * stride, stride);
  }
  if (whole == rows) return;
  for (size_t q = 0; q < count; q++) {
    distances(queries + q * bytes, codes + whole * bytes, rows - whole, bytes, out + q * stride + whole);
  }
}

}  // namespace avx2
}  // namespace nestbit
#endif
