// Arrays are allocated to the byte: the address sanitizer sees a read past any of them.
#include <cstring>
#include <memory>

#include "check.h"
#include "fault.h"
#include "naive.h"
#include "random.h"

using nestbit::Kernel;

namespace {

std::vector<uint8_t> randomBytes(Random& random, size_t count) {
  std::vector<uint8_t> bytes(count);
  // Now and then all bits differ, or none: the largest sums, where narrow lanes overflow.
  const size_t kind = random.below(4);
  if (kind == 0) std::fill(bytes.begin(), bytes.end(), static_cast<uint8_t>(random.below(2) * 255));
  if (kind != 0) random.fill(bytes.data(), count);
  bytes.shrink_to_fit();
  return bytes;
}

void oneSize(const Kernel& kernel, Random& random, size_t bytes, size_t rows, size_t count) {
  const std::vector<uint8_t> codes = randomBytes(random, rows * bytes);
  const std::vector<uint8_t> queries = randomBytes(random, count * bytes);
  const size_t stride = rows + random.below(3);
  std::vector<uint16_t> expected(count * rows);
  for (size_t q = 0; q < count; q++) {
    for (size_t row = 0; row < rows; row++) {
      expected[q * rows + row] = naive::distance(&queries[q * bytes], &codes[row * bytes], bytes);
    }
  }
  std::vector<uint16_t> out(rows);
  kernel.distances(queries.data(), codes.data(), rows, bytes, out.data());
  expect(std::memcmp(out.data(), expected.data(), rows * 2) == 0, "%s distances, %zu bytes, %zu rows", kernel.name,
         bytes, rows);

  // Only the last query may write up to the end of its rows, no further.
  std::vector<uint16_t> all((count - 1) * stride + rows, 0xeeee);
  kernel.block(queries.data(), count, codes.data(), rows, bytes, all.data(), stride);
  for (size_t q = 0; q < count; q++) {
    expect(std::memcmp(&all[q * stride], &expected[q * rows], rows * 2) == 0,
           "%s block, %zu bytes, %zu rows, query %zu of %zu", kernel.name, bytes, rows, q, count);
    for (size_t i = q * stride + rows; i < std::min((q + 1) * stride, all.size()); i++) {
      expect(all[i] == 0xeeee, "%s block writes between rows, %zu bytes", kernel.name, bytes);
    }
  }

  std::vector<uint32_t> index(random.below(2 * rows + 1));
  for (uint32_t& row : index) row = static_cast<uint32_t>(random.below(rows));
  index.shrink_to_fit();
  std::vector<uint16_t> some(index.size());
  kernel.gather(queries.data(), codes.data(), index.data(), index.size(), bytes, some.data());
  for (size_t i = 0; i < index.size(); i++) {
    expect(some[i] == expected[index[i]], "%s gather, %zu bytes, %zu of %zu", kernel.name, bytes, i, index.size());
  }
}

void checkWithin(const Kernel& kernel, Random& random) {
  for (size_t rows = 0; rows < 300; rows++) {
    std::vector<uint16_t> distances(rows);
    const size_t range = random.below(2) == 0 ? 5 : 65536;
    for (uint16_t& distance : distances) distance = static_cast<uint16_t>(random.below(range));
    const uint16_t limit = static_cast<uint16_t>(random.below(8) == 0 ? 65535 : random.below(range));
    std::vector<uint64_t> bits((rows + 63) / 64, ~uint64_t{0});
    kernel.within(distances.data(), rows, limit, bits.data());
    for (size_t i = 0; i < bits.size() * 64; i++) {
      const bool expected = i < rows && distances[i] <= limit;
      expect(((bits[i / 64] >> (i % 64)) & 1) == expected, "%s within %u, %zu of %zu", kernel.name, limit, i, rows);
    }
  }
}

}  // namespace

void checkDistances(const Kernel& kernel) {
  Random random(11);
  for (size_t bytes = 1; bytes <= 300; bytes++) {
    oneSize(kernel, random, bytes, 1 + random.below(140), 1 + random.below(11));
  }
  for (const size_t bytes : {1, 3, 16, 24, 32, 48, 64, 96, 125, 128, 192}) {
    for (size_t rows = 1; rows <= 12; rows++) oneSize(kernel, random, bytes, rows, rows % 6 + 1);
    for (const size_t rows : {31, 32, 33, 63, 64, 65, 127, 128, 129, 200}) oneSize(kernel, random, bytes, rows, 9);
  }
  for (const size_t bytes : {960, 961, 991, 992, 993, 1000, 1024, 1055, 2000, 4096, 8190, 8191}) {
    for (int i = 0; i < 3; i++) oneSize(kernel, random, bytes, 1 + random.below(100), 1 + random.below(6));
  }
  // Every bit differs in the longest code.
  const std::vector<uint8_t> none(65 * 8191, 0), every(8191 * 4, 255);
  std::vector<uint16_t> out(65 * 4);
  kernel.block(every.data(), 4, none.data(), 65, 8191, out.data(), 65);
  for (const uint16_t distance : out) expect(distance == 65528, "%s block, all bits: %u", kernel.name, distance);
  kernel.distances(every.data(), none.data(), 65, 8191, out.data());
  for (int i = 0; i < 65; i++) expect(out[i] == 65528, "%s distances, all bits: %u", kernel.name, out[i]);
  kernel.distances(every.data(), none.data(), 0, 128, nullptr);
  kernel.gather(every.data(), none.data(), nullptr, 0, 128, nullptr);
  checkWithin(kernel, random);
}
