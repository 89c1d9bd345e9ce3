// Seeded random numbers (xorshift64*), the same everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }

  // From 0 to limit - 1.
  size_t below(size_t limit) { return static_cast<size_t>((next() >> 11) % limit); }

  void fill(uint8_t* out, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) out[i] = static_cast<uint8_t>(next() >> 32);
  }

 private:
  uint64_t state_;
};
