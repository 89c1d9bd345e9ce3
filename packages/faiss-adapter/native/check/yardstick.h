// The least a search can do: read the memory once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Exclusive or of all whole 128 bytes. Returned, and kept, so that it is computed.
#if defined(__x86_64__)
__attribute__((target("avx2"), noinline)) inline uint64_t yardstick(const uint8_t* data, size_t bytes) {
  const auto* from = reinterpret_cast<const __m256i*>(data);
  __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
  for (size_t i = 0; i + 4 <= bytes / 32; i += 4) {
    a = _mm256_xor_si256(a, _mm256_loadu_si256(from + i));
    b = _mm256_xor_si256(b, _mm256_loadu_si256(from + i + 1));
    c = _mm256_xor_si256(c, _mm256_loadu_si256(from + i + 2));
    d = _mm256_xor_si256(d, _mm256_loadu_si256(from + i + 3));
  }
  uint64_t words[4];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words),
                      _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d)));
  volatile uint64_t kept = words[0] ^ words[1] ^ words[2] ^ words[3];
  return kept;
}
#else
inline uint64_t yardstick(const uint8_t* data, size_t bytes) {
  uint64_t sums[16] = {};
  for (size_t i = 0; i + 128 <= bytes; i += 128) {
    uint64_t words[16];
    std::memcpy(words, data + i, 128);
    for (int k = 0; k < 16; k++) sums[k] ^= words[k];
  }
  volatile uint64_t kept = 0;
  for (const uint64_t sum : sums) kept = kept ^ sum;
  return kept;
}
#endif
