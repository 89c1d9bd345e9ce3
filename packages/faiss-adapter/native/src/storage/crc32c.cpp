#include "crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace nestbit {
namespace {

using Table = std::array<std::array<uint32_t, 256>, 8>;

Table makeTable() {
  Table table{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (size_t t = 1; t < 8; t++) table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 255];
  return table;
}

// Eight bytes a step by tables (slicing-by-8; Kounavis and Berry 2008).
uint32_t portable(const uint8_t* data, size_t length, uint32_t crc) {
  static const Table table = makeTable();
  for (; length >= 8; data += 8, length -= 8) {
    uint32_t low, high;
    std::memcpy(&low, data, 4);
    std::memcpy(&high, data + 4, 4);
    low ^= crc;
    crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
          table[3][high & 255] ^ table[2][high >> 8 & 255] ^ table[1][high >> 16 & 255] ^ table[0][high >> 24];
  }
  for (; length > 0; data++, length--) crc = (crc >> 8) ^ table[0][(crc ^ *data) & 255];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t hardware(const uint8_t* data, size_t length, uint32_t crc) {
  uint64_t sum = crc;
  for (; length >= 8; data += 8, length -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    sum = _mm_crc32_u64(sum, word);
  }
  crc = static_cast<uint32_t>(sum);
  for (; length > 0; data++, length--) crc = _mm_crc32_u8(crc, *data);
  return crc;
}
#endif

}  // namespace

uint32_t crc32c(const uint8_t* data, size_t length, uint32_t previous) {
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("sse4.2");
  if (fast) return ~hardware(data, length, ~previous);
#endif
  return ~portable(data, length, ~previous);
}

}  // namespace nestbit
