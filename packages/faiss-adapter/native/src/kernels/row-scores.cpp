#include "row-scores.h"

#include <cstring>
#include <numeric>
#include <vector>

namespace nestbit {
namespace {

// Rows of nibbles expanded at once: 32 KiB at 1024 dimensions.
constexpr size_t rowsExpanded = 32;

float floatAt(const uint8_t* at) {
  float value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// The values of dimensions / 2 bytes of nibbles. The compiler makes vectors of it.
void expand(const uint8_t* nibbles, size_t dimensions, int8_t* values) {
  const size_t half = dimensions / 2;
  for (size_t i = 0; i < half; i++) {
    values[i] = static_cast<int8_t>(2 * (nibbles[i] & 15) - 15);
    values[half + i] = static_cast<int8_t>(2 * (nibbles[i] >> 4) - 15);
  }
}

// Sums of rows of int8 at `codes`.
void sumsOf(const Kernel& kernel, const double* weights, const uint8_t* codes, size_t stride, const uint32_t* index,
            size_t count, size_t dimensions, double* out) {
  kernel.rescore(weights, reinterpret_cast<const int8_t*>(codes), stride, index, count, dimensions, out);
}

// The high plane counts 256 times the low one. Integers below 2^53: exact.
void sumsOfPlanes(const Kernel& kernel, const double* weights, const uint8_t* codes, size_t stride,
                  const uint32_t* index, size_t count, size_t dimensions, double* out) {
  std::vector<double> high(count);
  sumsOf(kernel, weights, codes, stride, index, count, dimensions, high.data());
  sumsOf(kernel, weights, codes + dimensions, stride, index, count, dimensions, out);
  for (size_t i = 0; i < count; i++) out[i] = 256 * high[i] + out[i];
}

void sumsOfNibbles(const Kernel& kernel, const double* weights, const uint8_t* codes, size_t stride,
                   const uint32_t* index, size_t count, size_t dimensions, double* out) {
  const size_t most = count < rowsExpanded ? count : rowsExpanded;
  std::vector<int8_t> values(most * dimensions);
  std::vector<uint32_t> order(most);
  std::iota(order.begin(), order.end(), 0u);
  for (size_t first = 0; first < count; first += most) {
    const size_t some = count - first < most ? count - first : most;
    for (size_t i = 0; i < some; i++) expand(codes + index[first + i] * stride, dimensions, &values[i * dimensions]);
    kernel.rescore(weights, values.data(), dimensions, order.data(), some, dimensions, out + first);
  }
}

}  // namespace

size_t copyBytes(Copy copy, size_t dimensions) {
  constexpr size_t floats = 2 * sizeof(float);
  switch (copy) {
    case Copy::none:
      return 0;
    case Copy::calibrated:
      return dimensions;
    case Copy::int8:
      return dimensions + floats;
    case Copy::int16:
      return 2 * dimensions + floats;
    case Copy::int4:
      return dimensions / 2 + floats;
  }
  return 0;
}

void bitScores(const Kernel& kernel, const BitQuery& query, const uint8_t* bits, const uint8_t* scalars,
               const uint32_t* index, size_t count, size_t bytes, double* out) {
  kernel.refine(query.weights, bits, index, count, bytes, out);
  if (query.factors == nullptr) return;
  constexpr size_t ahead = 16;
  for (size_t i = 0; i < count; i++) {
    if (i + ahead < count) __builtin_prefetch(scalars + index[i + ahead] * scalarBytes);
    const uint8_t* const row = scalars + index[i] * scalarBytes;
    out[i] = query.factors[row[0]] * out[i] - query.offsets[row[1]];
  }
}

void copyScores(const Kernel& kernel, Copy copy, const CopyQuery& query, const uint8_t* copies, size_t stride,
                const uint32_t* index, size_t count, size_t dimensions, double* out) {
  const auto sums = copy == Copy::int16 ? sumsOfPlanes : copy == Copy::int4 ? sumsOfNibbles : sumsOf;
  sums(kernel, query.weights, copies, stride, index, count, dimensions, out);
  if (copy == Copy::calibrated) {
    for (size_t i = 0; i < count; i++) out[i] = out[i] * query.scale + query.bias;
    return;
  }
  const size_t floats = copyBytes(copy, dimensions) - 2 * sizeof(float);
  for (size_t i = 0; i < count; i++) {
    const uint8_t* const row = copies + index[i] * stride + floats;
    const double scale = floatAt(row), half = floatAt(row + sizeof(float));
    out[i] = out[i] * query.scale * scale - half + query.bias;
  }
}

}  // namespace nestbit
