// Bit scores with scalars, and the scores of every layout of a copy, to the bit.
#include <cmath>
#include <cstring>
#include <vector>

#include "../src/kernels/row-scores.h"
#include "check.h"
#include "fault.h"
#include "naive.h"
#include "random.h"

using nestbit::Copy;
using nestbit::Kernel;

namespace {

std::vector<uint32_t> randomIndex(Random& random, size_t count, size_t rows) {
  std::vector<uint32_t> index(count);
  for (uint32_t& row : index) row = static_cast<uint32_t>(random.below(rows));
  return index;
}

bool same(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

void bitScoresOf(const Kernel& kernel, Random& random, size_t bytes) {
  const size_t rows = 1 + random.below(40), count = random.below(60);
  std::vector<uint8_t> bits(rows * bytes), scalars(rows * nestbit::scalarBytes);
  random.fill(bits.data(), bits.size());
  random.fill(scalars.data(), scalars.size());
  std::vector<int16_t> weights(bytes * 8);
  for (int16_t& weight : weights) weight = static_cast<int16_t>(static_cast<int>(random.below(65535)) - 32767);
  // Sums are below 2^15 a dimension: the products use the whole budget of 2^52, and leave as much to the offsets.
  const uint64_t most = (uint64_t{1} << 52) / (bytes * 8 * 32767);
  std::vector<double> factors(nestbit::tableEntries), offsets(nestbit::tableEntries);
  for (double& factor : factors) factor = static_cast<double>(random.next() % (most + 1));
  for (double& offset : offsets) offset = static_cast<double>(random.next() >> 12) - std::ldexp(1, 51);
  const std::vector<uint32_t> index = randomIndex(random, count, rows);
  std::vector<double> out(count, 0.5);
  const nestbit::BitQuery query = {weights.data(), factors.data(), offsets.data()};
  nestbit::bitScores(kernel, query, bits.data(), scalars.data(), index.data(), count, bytes, out.data());
  for (size_t i = 0; i < count; i++) {
    const double sum = naive::refine(weights.data(), &bits[index[i] * bytes], bytes);
    const uint8_t* const row = &scalars[index[i] * nestbit::scalarBytes];
    const double expected = static_cast<double>(static_cast<int64_t>(factors[row[0]]) * static_cast<int64_t>(sum) -
                                                static_cast<int64_t>(offsets[row[1]]));
    expect(out[i] == expected, "%s bit score, %zu bytes, %zu of %zu: %f, not %f", kernel.name, bytes, i, count, out[i],
           expected);
  }
  nestbit::bitScores(kernel, {weights.data(), nullptr, nullptr}, bits.data(), nullptr, index.data(), count, bytes,
                     out.data());
  for (size_t i = 0; i < count; i++) {
    const double expected = naive::refine(weights.data(), &bits[index[i] * bytes], bytes);
    expect(same(out[i], expected), "%s bit score without scalars, %zu bytes, %zu of %zu", kernel.name, bytes, i, count);
  }
}

// The value of one dimension of a copy, as the layout defines it.
int valueAt(Copy copy, const uint8_t* row, size_t dimensions, size_t i) {
  const auto byte = [&](size_t at) { return static_cast<int>(static_cast<int8_t>(row[at])); };
  if (copy == Copy::int16) return 256 * byte(i) + byte(dimensions + i);
  if (copy != Copy::int4) return byte(i);
  const size_t half = dimensions / 2;
  return 2 * (i < half ? row[i] & 15 : row[i - half] >> 4) - 15;
}

double scoreOf(Copy copy, const nestbit::CopyQuery& query, const uint8_t* row, size_t dimensions) {
  int64_t sum = 0;
  for (size_t i = 0; i < dimensions; i++)
    sum += static_cast<int64_t>(query.weights[i]) * valueAt(copy, row, dimensions, i);
  const double exact = static_cast<double>(sum);
  if (copy == Copy::calibrated) return exact * query.scale + query.bias;
  float floats[2];
  std::memcpy(floats, row + nestbit::copyBytes(copy, dimensions) - sizeof floats, sizeof floats);
  // One operation a line: nothing for a compiler to contract.
  double score = exact * query.scale;
  score = score * static_cast<double>(floats[0]);
  score = score - static_cast<double>(floats[1]);
  return score + query.bias;
}

void copyScoresOf(const Kernel& kernel, Random& random, Copy copy, size_t dimensions) {
  const size_t rows = 1 + random.below(40), count = random.below(80);
  const size_t bytes = nestbit::copyBytes(copy, dimensions);
  const size_t stride = bytes + random.below(2) * 4;
  // To the byte: the address sanitizer sees a read past the last copy.
  std::vector<uint8_t> copies((rows - 1) * stride + bytes);
  random.fill(copies.data(), copies.size());
  if (random.below(4) == 0) std::fill(copies.begin(), copies.begin() + static_cast<long>(dimensions / 2), uint8_t{0x80});
  for (size_t row = 0; copy != Copy::calibrated && row < rows; row++) {
    const float floats[2] = {static_cast<float>(random.below(1 << 20)) * 1e-8f,
                             static_cast<float>(random.below(1 << 20)) * 1e-6f};
    std::memcpy(&copies[row * stride + bytes - sizeof floats], floats, sizeof floats);
  }
  // Sum of |w| times the largest value below 2^53.
  const uint64_t most = (uint64_t{1} << (copy == Copy::int16 ? 38 : 46)) / dimensions - 1;
  std::vector<double> weights(dimensions);
  for (double& weight : weights) {
    weight = static_cast<double>(random.next() % (most + 1)) * (random.below(2) == 0 ? 1 : -1);
  }
  const nestbit::CopyQuery query = {weights.data(), std::ldexp(1, -40), static_cast<double>(random.below(1000)) / 999};
  const std::vector<uint32_t> index = randomIndex(random, count, rows);
  std::vector<double> out(count, 0.5);
  nestbit::copyScores(kernel, copy, query, copies.data(), stride, index.data(), count, dimensions, out.data());
  for (size_t i = 0; i < count; i++) {
    const double expected = scoreOf(copy, query, &copies[index[i] * stride], dimensions);
    expect(same(out[i], expected), "%s score of copy %d, %zu dimensions, %zu of %zu: %.17g, not %.17g", kernel.name,
           static_cast<int>(copy), dimensions, i, count, out[i], expected);
  }
}

}  // namespace

void checkRowScores(const Kernel& kernel) {
  Random random(14);
  for (size_t bytes = 1; bytes <= 130; bytes++) bitScoresOf(kernel, random, bytes);
  for (const size_t bytes : {1000, 8191}) bitScoresOf(kernel, random, bytes);
  for (const Copy copy : {Copy::calibrated, Copy::int8, Copy::int16, Copy::int4}) {
    for (size_t dimensions = 8; dimensions <= 400; dimensions += 8) copyScoresOf(kernel, random, copy, dimensions);
    for (const size_t dimensions : {768, 1024, 2048, 2056, 4096, 5000, 65528})
      copyScoresOf(kernel, random, copy, dimensions);
  }
}
