// The reference kernel: plain C++, for any machine.
#include <cstring>

#include "sets.h"

namespace nestbit {
namespace {

// Bits set in a word, by sums in parallel: the popcount instruction may be missing.
inline uint32_t ones(uint64_t x) {
  x -= (x >> 1) & 0x5555555555555555;
  x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return static_cast<uint32_t>((x * 0x0101010101010101) >> 56);
}

uint16_t distance(const uint8_t* a, const uint8_t* b, size_t bytes) {
  uint32_t sum = 0;
  uint64_t x = 0;
  uint64_t y = 0;
  size_t i = 0;
  for (; i + 8 <= bytes; i += 8) {
    std::memcpy(&x, a + i, 8);
    std::memcpy(&y, b + i, 8);
    sum += ones(x ^ y);
  }
  for (; i < bytes; i++) sum += ones(static_cast<uint64_t>(a[i] ^ b[i]));
  return static_cast<uint16_t>(sum);
}

void distances(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out) {
  for (size_t row = 0; row < rows; row++) out[row] = distance(query, codes + row * bytes, bytes);
}

void gather(const uint8_t* query, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
            uint16_t* out) {
  for (size_t i = 0; i < count; i++) out[i] = distance(query, codes + index[i] * bytes, bytes);
}

void block(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out,
           size_t stride) {
  for (size_t q = 0; q < count; q++) distances(queries + q * bytes, codes, rows, bytes, out + q * stride);
}

void within(const uint16_t* distances, size_t rows, uint16_t limit, uint64_t* bits) {
  for (size_t base = 0; base < rows; base += 64) {
    const size_t some = rows - base < 64 ? rows - base : 64;
    uint64_t word = 0;
    for (size_t i = 0; i < some; i++) word |= static_cast<uint64_t>(distances[base + i] <= limit) << i;
    bits[base / 64] = word;
  }
}

void refine(const int16_t* weights, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
            double* out) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t* row = codes + index[i] * bytes;
    int64_t sum = 0;
    for (size_t b = 0; b < bytes; b++) {
      for (int bit = 0; bit < 8; bit++) {
        const int sign = 2 * ((row[b] >> (7 - bit)) & 1) - 1;
        sum += sign * weights[b * 8 + bit];
      }
    }
    out[i] = static_cast<double>(sum);
  }
}

void rescore(const double* weights, const int8_t* codes, size_t stride, const uint32_t* index, size_t count,
             size_t dimensions, double* out) {
  for (size_t i = 0; i < count; i++) {
    const int8_t* row = codes + index[i] * stride;
    double sum = 0;
    for (size_t d = 0; d < dimensions; d++) sum += weights[d] * row[d];
    out[i] = sum;
  }
}

}  // namespace

const Kernel portableKernel = {"portable", distances, gather, block, within, refine, rescore};

}  // namespace nestbit
