// The 512-bit operations of avx512.cpp in plain C++, so that its logic is checked on machines without AVX-512.
// What it does not check is that the machine's operations do what these do. Included before avx512.cpp.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#define NESTBIT_AVX512 __attribute__((target("avx2")))

struct Emulated512 {
  uint64_t word[8];
};

template <typename Of>
inline Emulated512 emulatedEach(Of of) {
  Emulated512 out;
  for (int i = 0; i < 8; i++) out.word[i] = of(i);
  return out;
}

inline Emulated512 emulatedLoad(const void* at) {
  Emulated512 out;
  std::memcpy(&out, at, 64);
  return out;
}

// Reads, as the operation does, no byte whose mask bit is 0.
inline Emulated512 emulatedMaskedLoad(uint64_t mask, const void* at) {
  uint8_t bytes[64] = {};
  for (int i = 0; i < 64; i++) {
    if ((mask >> i) & 1) bytes[i] = static_cast<const uint8_t*>(at)[i];
  }
  return emulatedLoad(bytes);
}

inline Emulated512 emulatedSet64(int64_t value) {
  return emulatedEach([value](int) { return static_cast<uint64_t>(value); });
}

inline Emulated512 emulatedSet16(int16_t value) {
  int16_t lanes[32];
  for (int16_t& lane : lanes) lane = value;
  return emulatedLoad(lanes);
}

// Two of the eight words.
inline __m128i emulatedQuarter(const Emulated512& x, int quarter) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(&x.word[2 * quarter]));
}

inline __m128i emulatedNarrow(const Emulated512& x) {
  uint16_t lanes[8];
  for (int i = 0; i < 8; i++) lanes[i] = static_cast<uint16_t>(x.word[i]);
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(lanes));
}

inline uint32_t emulatedAtMost(const Emulated512& a, const Emulated512& b) {
  uint16_t x[32], y[32];
  std::memcpy(x, &a, 64);
  std::memcpy(y, &b, 64);
  uint32_t mask = 0;
  for (int i = 0; i < 32; i++) mask |= static_cast<uint32_t>(x[i] <= y[i]) << i;
  return mask;
}

#define __m512i Emulated512
#define _mm512_loadu_si512(at) emulatedLoad(at)
#define _mm512_maskz_loadu_epi8(mask, at) emulatedMaskedLoad(mask, at)
#define _mm512_setzero_si512() emulatedEach([](int) { return uint64_t{0}; })
#define _mm512_set1_epi64(value) emulatedSet64(value)
#define _mm512_set1_epi16(value) emulatedSet16(value)
#define _mm512_xor_si512(a, b) emulatedEach([x = a, y = b](int i) { return x.word[i] ^ y.word[i]; })
#define _mm512_or_si512(a, b) emulatedEach([x = a, y = b](int i) { return x.word[i] | y.word[i]; })
#define _mm512_add_epi64(a, b) emulatedEach([x = a, y = b](int i) { return x.word[i] + y.word[i]; })
#define _mm512_slli_epi64(a, by) emulatedEach([x = a](int i) { return x.word[i] << (by); })
#define _mm512_popcnt_epi64(a) \
  emulatedEach([x = a](int i) { return static_cast<uint64_t>(__builtin_popcountll(x.word[i])); })
#define _mm512_extracti32x4_epi32(a, quarter) emulatedQuarter(a, quarter)
#define _mm512_cvtepi64_epi16(a) emulatedNarrow(a)
// A macro already in the header of Clang.
#undef _mm512_cmple_epu16_mask
#define _mm512_cmple_epu16_mask(a, b) emulatedAtMost(a, b)
