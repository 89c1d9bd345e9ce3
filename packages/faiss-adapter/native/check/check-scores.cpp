#include <cmath>
#include <cstring>
#include <vector>

#include "check.h"
#include "fault.h"
#include "naive.h"
#include "random.h"

using nestbit::Kernel;

namespace {

std::vector<uint32_t> randomIndex(Random& random, size_t count, size_t rows) {
  std::vector<uint32_t> index(count);
  for (uint32_t& row : index) row = static_cast<uint32_t>(random.below(rows));
  return index;
}

void refineOf(const Kernel& kernel, Random& random, size_t bytes, size_t count) {
  const size_t rows = 1 + random.below(20);
  std::vector<uint8_t> codes(rows * bytes);
  random.fill(codes.data(), codes.size());
  std::vector<int16_t> weights(bytes * 8);
  const size_t kind = random.below(4);
  for (int16_t& weight : weights) {
    // The largest sums there are, or any.
    weight = static_cast<int16_t>(kind == 0 ? 32767 : kind == 1 ? -32767 : static_cast<int>(random.below(65535)) - 32767);
  }
  if (kind < 2) std::fill(codes.begin(), codes.begin() + static_cast<long>(bytes), uint8_t{255});
  const std::vector<uint32_t> index = randomIndex(random, count, rows);
  std::vector<double> out(count, 0.5);
  kernel.refine(weights.data(), codes.data(), index.data(), count, bytes, out.data());
  for (size_t i = 0; i < count; i++) {
    const double expected = naive::refine(weights.data(), &codes[index[i] * bytes], bytes);
    expect(out[i] == expected, "%s refine, %zu bytes, %zu of %zu: %f, not %f", kernel.name, bytes, i, count, out[i],
           expected);
  }
}

void rescoreOf(const Kernel& kernel, Random& random, size_t dimensions, size_t count) {
  const size_t rows = 1 + random.below(20);
  const size_t stride = dimensions + random.below(4);
  std::vector<int8_t> codes((rows - 1) * stride + dimensions);
  random.fill(reinterpret_cast<uint8_t*>(codes.data()), codes.size());
  // The whole budget, or less of it: sum of |w| * 128 below 2^53.
  const uint64_t most = ((uint64_t{1} << 46) / dimensions - 1) >> (random.below(3) == 0 ? random.below(30) : 0);
  const size_t kind = random.below(4);
  std::vector<double> weights(dimensions);
  for (double& weight : weights) {
    const double size = static_cast<double>(kind == 0 ? most : random.next() % (most + 1));
    weight = random.below(2) == 0 ? size : -size;
  }
  if (kind == 1) {
    // One weight holds all the budget; the others are at most 1.
    for (double& weight : weights) weight = static_cast<double>(random.below(3)) - 1;
    weights[random.below(dimensions)] = (random.below(2) == 0 ? 1 : -1) * (std::ldexp(1, 46) - 70000);
  }
  if (kind == 0) std::fill(codes.begin(), codes.begin() + static_cast<long>(dimensions), int8_t{-128});
  const std::vector<uint32_t> index = randomIndex(random, count, rows);
  std::vector<double> out(count, 0.5);
  kernel.rescore(weights.data(), codes.data(), stride, index.data(), count, dimensions, out.data());
  for (size_t i = 0; i < count; i++) {
    const double expected = naive::rescore(weights.data(), &codes[index[i] * stride], dimensions);
    // To the bit: not even the sign of 0 may differ.
    expect(std::memcmp(&out[i], &expected, 8) == 0, "%s rescore, %zu dimensions, %zu of %zu: %f, not %f", kernel.name,
           dimensions, i, count, out[i], expected);
  }
}

}  // namespace

void checkScores(const Kernel& kernel) {
  Random random(12);
  for (size_t bytes = 1; bytes <= 200; bytes++) refineOf(kernel, random, bytes, random.below(30));
  for (const size_t bytes : {255, 256, 257, 258, 511, 512, 513, 1000, 1024, 4096, 8190, 8191}) {
    for (int i = 0; i < 6; i++) refineOf(kernel, random, bytes, 1 + random.below(5));
  }
  for (size_t dimensions = 1; dimensions <= 200; dimensions++) rescoreOf(kernel, random, dimensions, random.below(30));
  for (const size_t dimensions : {384, 768, 1000, 1024, 2047, 2048, 2049, 2064, 4096, 5000, 65528}) {
    for (int i = 0; i < 10; i++) rescoreOf(kernel, random, dimensions, 1 + random.below(6));
  }
}
