// Rescore weights as 16-bit integers: 8-bit codes times 16-bit weights are what SIMD units multiply fastest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nestbit {

// Dimensions taken at once. 2048 products of at most 2^15 * 2^7, spread over eight 32-bit lanes, stay below 2^31.
constexpr size_t planeDimensions = 2048;

// Weight i is low[i] + middle[i] * 2^16 + high[i] * 2^32. The rescore weights, |w| < 2^46, always fit.
struct Planes {
  alignas(64) int16_t low[planeDimensions];
  alignas(64) int16_t middle[planeDimensions];
  alignas(64) int16_t high[planeDimensions];
};

// weights (dimensions), dimensions <= planeDimensions. Static: each kernel compiles its own copy.
static inline void split(const double* weights, size_t dimensions, Planes* planes) {
  // 1.5 * 2^52: in the sum the low bits of the double are the integer in two's complement.
  const double shift = 6755399441055744.0;
  uint64_t origin;
  std::memcpy(&origin, &shift, 8);
  for (size_t i = 0; i < dimensions; i++) {
    const double sum = weights[i] + shift;
    uint64_t value;
    std::memcpy(&value, &sum, 8);
    value -= origin;
    // Each digit is signed; what it lacks goes to the next.
    planes->low[i] = static_cast<int16_t>(value);
    value += 0x8000;
    planes->middle[i] = static_cast<int16_t>(value >> 16);
    value += 0x80000000;
    planes->high[i] = static_cast<int16_t>(value >> 32);
  }
}

// The sum over the planes, from the sum over each. Unsigned: weights that do not fit wrap, without harm.
static inline double join(int64_t low, int64_t middle, int64_t high) {
  const uint64_t sum = static_cast<uint64_t>(low) + (static_cast<uint64_t>(middle) << 16) +
                       (static_cast<uint64_t>(high) << 32);
  return static_cast<double>(static_cast<int64_t>(sum));
}

}  // namespace nestbit
