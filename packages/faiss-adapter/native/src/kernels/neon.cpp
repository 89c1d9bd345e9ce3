// Hamming distances on NEON, which counts the bits of bytes itself. Part of every 64-bit ARM machine.
#include "sets.h"

#if defined(NESTBIT_ARM)
#include <arm_neon.h>

#include "neon.h"

namespace nestbit {
namespace {

// A byte adds at most 8 to its 8-bit lane; 16 lanes of 30 * 8 and a tail stay below 2^16.
constexpr size_t vectorsUntilOverflow = 30;

inline uint8x16_t differing(uint8x16_t query, const uint8_t* row) { return vcntq_u8(veorq_u8(query, vld1q_u8(row))); }

// Keeps, of the last 16 bytes, the bytes % 16 that no whole vector covers.
inline uint8x16_t tailMask(size_t bytes) {
  static const uint8_t edge[32] = {0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
                                   255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
  return vld1q_u8(edge + bytes % 16);
}

// Distances of four rows of at least 16 bytes. out (4).
inline void four(const uint8_t* query, const uint8_t* const* rows, size_t bytes, uint16_t* out) {
  uint32_t sums[4] = {0, 0, 0, 0};
  const size_t whole = bytes / 16 * 16;
  size_t at = 0;
  do {
    const size_t most = vectorsUntilOverflow * 16;
    const size_t end = whole - at < most ? whole : at + most;
    uint8x16_t a = vdupq_n_u8(0), b = a, c = a, d = a;
    for (; at < end; at += 16) {
      const uint8x16_t q = vld1q_u8(query + at);
      a = vaddq_u8(a, differing(q, rows[0] + at));
      b = vaddq_u8(b, differing(q, rows[1] + at));
      c = vaddq_u8(c, differing(q, rows[2] + at));
      d = vaddq_u8(d, differing(q, rows[3] + at));
    }
    if (at == whole && whole != bytes) {
      const uint8x16_t mask = tailMask(bytes);
      const size_t tail = bytes - 16;
      const uint8x16_t q = vld1q_u8(query + tail);
      a = vaddq_u8(a, vandq_u8(mask, differing(q, rows[0] + tail)));
      b = vaddq_u8(b, vandq_u8(mask, differing(q, rows[1] + tail)));
      c = vaddq_u8(c, vandq_u8(mask, differing(q, rows[2] + tail)));
      d = vaddq_u8(d, vandq_u8(mask, differing(q, rows[3] + tail)));
    }
    sums[0] += vaddlvq_u8(a);
    sums[1] += vaddlvq_u8(b);
    sums[2] += vaddlvq_u8(c);
    sums[3] += vaddlvq_u8(d);
  } while (at < whole);
  for (int k = 0; k < 4; k++) out[k] = static_cast<uint16_t>(sums[k]);
}

// Distance of one row of fewer than 16 bytes.
inline uint16_t narrow(const uint8_t* query, const uint8_t* row, size_t bytes) {
  unsigned sum = 0;
  size_t at = 0;
  if (bytes >= 8) {
    sum = vaddv_u8(vcnt_u8(veor_u8(vld1_u8(query), vld1_u8(row))));
    at = 8;
  }
  for (; at < bytes; at++) sum += static_cast<unsigned>(__builtin_popcount(query[at] ^ row[at]));
  return static_cast<uint16_t>(sum);
}

inline void some(const uint8_t* query, const uint8_t* const* rows, size_t count, size_t bytes, uint16_t* out) {
  uint16_t sums[4];
  if (bytes >= 16) four(query, rows, bytes, sums);
  for (size_t k = 0; k < count; k++) out[k] = bytes >= 16 ? sums[k] : narrow(query, rows[k], bytes);
}

void distances(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out) {
  for (size_t row = 0; row < rows; row += 4) {
    const uint8_t* at[4];
    for (size_t k = 0; k < 4; k++) at[k] = codes + (row + k < rows ? row + k : rows - 1) * bytes;
    some(query, at, rows - row < 4 ? rows - row : 4, bytes, out + row);
  }
}

void gather(const uint8_t* query, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
            uint16_t* out) {
  constexpr size_t ahead = 12;
  for (size_t i = 0; i < ahead && i < count; i++) neon::fetch(codes + index[i] * bytes, bytes);
  for (size_t i = 0; i < count; i += 4) {
    const uint8_t* at[4];
    for (size_t k = 0; k < 4; k++) {
      if (i + ahead + k < count) neon::fetch(codes + index[i + ahead + k] * bytes, bytes);
      at[k] = codes + index[i + k < count ? i + k : count - 1] * bytes;
    }
    some(query, at, count - i < 4 ? count - i : 4, bytes, out + i);
  }
}

// The rows stay in the cache; there is nothing else to share between the queries.
void block(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out,
           size_t stride) {
  for (size_t q = 0; q < count; q++) distances(queries + q * bytes, codes, rows, bytes, out + q * stride);
}

// 8 distances to 8 bits.
inline uint64_t bitsOf8(const uint16_t* at, uint16x8_t limit) {
  static const uint16_t place[8] = {1, 2, 4, 8, 16, 32, 64, 128};
  return vaddvq_u16(vandq_u16(vcleq_u16(vld1q_u16(at), limit), vld1q_u16(place)));
}

void within(const uint16_t* distances, size_t rows, uint16_t limit, uint64_t* bits) {
  const uint16x8_t most = vdupq_n_u16(limit);
  for (size_t base = 0; base < rows; base += 64) {
    const size_t end = rows - base < 64 ? rows : base + 64;
    uint64_t word = 0;
    size_t row = base;
    for (; row + 8 <= end; row += 8) word |= bitsOf8(distances + row, most) << (row - base);
    for (; row < end; row++) word |= static_cast<uint64_t>(distances[row] <= limit) << (row - base);
    bits[base / 64] = word;
  }
}

}  // namespace

const Kernel neonKernel = {"neon", distances, gather, block, within, neon::refine, neon::rescore};

}  // namespace nestbit
#endif
