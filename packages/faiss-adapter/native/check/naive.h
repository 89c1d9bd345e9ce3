// What the kernels must give, in the plainest words.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace naive {

inline uint16_t distance(const uint8_t* a, const uint8_t* b, size_t bytes) {
  int sum = 0;
  for (size_t i = 0; i < bytes; i++) {
    for (int bit = 0; bit < 8; bit++) sum += ((a[i] ^ b[i]) >> bit) & 1;
  }
  return static_cast<uint16_t>(sum);
}

inline double refine(const int16_t* weights, const uint8_t* row, size_t bytes) {
  int64_t sum = 0;
  for (size_t i = 0; i < bytes * 8; i++) sum += (row[i / 8] & (0x80 >> (i % 8))) != 0 ? weights[i] : -weights[i];
  return static_cast<double>(sum);
}

inline double rescore(const double* weights, const int8_t* row, size_t dimensions) {
  int64_t sum = 0;
  for (size_t i = 0; i < dimensions; i++) sum += static_cast<int64_t>(weights[i]) * row[i];
  return static_cast<double>(sum);
}

// (distance, row), in the order of a search.
using Hit = std::pair<uint16_t, uint32_t>;

inline std::vector<Hit> nearest(std::vector<Hit> offered, size_t capacity) {
  std::sort(offered.begin(), offered.end());
  if (offered.size() > capacity) offered.resize(capacity);
  return offered;
}

}  // namespace naive
