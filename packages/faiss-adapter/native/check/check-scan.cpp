#include <memory>

#include "../src/kernels/scan.h"
#include "check.h"
#include "fault.h"
#include "naive.h"
#include "random.h"

using naive::Hit;
using nestbit::Kernel;
using nestbit::Nearest;

namespace {

// One random search: any range, any share of passing rows, ties by the few distances of short codes.
void oneScan(const Kernel& kernel, Random& random) {
  const size_t sizes[] = {1, 2, 8, 16, 24, 32, 48, 125, 128, 300, 1500};
  const size_t bytes = sizes[random.below(11)];
  const size_t rows = random.below(200000 / bytes + 200) + 1;
  const size_t first = random.below(2) == 0 ? 0 : random.below(rows);
  const size_t last = random.below(2) == 0 ? rows : first + random.below(rows - first + 1);
  const size_t count = random.below(3) == 0 ? 1 : 1 + random.below(random.below(8) == 0 ? 130 : 10);
  const size_t capacity = 1 + random.below(random.below(2) == 0 ? 50 : 2 * rows);
  std::vector<uint8_t> codes(last * bytes), queries(count * bytes);
  random.fill(codes.data(), codes.size());
  random.fill(queries.data(), queries.size());

  // The share changes along the way, so that all paths meet in one scan.
  std::vector<uint64_t> pass((last + 63) / 64);
  const bool filtered = random.below(4) != 0;
  size_t share = 0;
  for (size_t row = 0; row < last; row++) {
    if (row % 1500 == 0) share = random.below(4) == 0 ? random.below(2) * 1000 : random.below(1000);
    if (random.below(1000) < share) pass[row / 64] |= uint64_t{1} << (row % 64);
  }
  // Bits past the range must not matter.
  if (last % 64 != 0) pass[last / 64] |= ~uint64_t{0} << (last % 64);

  std::vector<Nearest> nearest(count, Nearest(capacity, bytes));
  std::vector<Nearest*> pointers;
  for (Nearest& one : nearest) pointers.push_back(&one);
  const nestbit::Scan scan = {codes.data(), first, last, bytes, filtered ? pass.data() : nullptr};
  std::atomic<int> cancel{0};
  expect(nestbit::scan(kernel, scan, queries.data(), count, pointers.data(), random.below(2) == 0 ? &cancel : nullptr),
         "%s scan: cancelled by itself", kernel.name);

  for (size_t q = 0; q < count; q++) {
    std::vector<Hit> offered;
    for (size_t row = first; row < last; row++) {
      if (filtered && ((pass[row / 64] >> (row % 64)) & 1) == 0) continue;
      offered.emplace_back(naive::distance(&queries[q * bytes], &codes[row * bytes], bytes),
                           static_cast<uint32_t>(row));
    }
    const std::vector<Hit> expected = naive::nearest(offered, capacity);
    std::vector<uint32_t> found(nearest[q].size());
    std::vector<uint16_t> distances(nearest[q].size());
    const size_t size = nearest[q].finish(found.data(), distances.data());
    bool same = size == expected.size();
    for (size_t i = 0; same && i < size; i++) same = Hit(distances[i], found[i]) == expected[i];
    expect(same, "%s scan: %zu bytes, rows %zu to %zu, query %zu of %zu, capacity %zu, filter %d", kernel.name, bytes,
           first, last, q, count, capacity, filtered);
  }
}

// Every start within a word of the filter, with every number of rows: just the passing rows of the range are found.
void checkRanges(const Kernel& kernel, Random& random) {
  const std::vector<uint8_t> codes(300, 0);
  for (size_t first = 0; first < 66; first++) {
    for (size_t last = first; last < first + 150; last++) {
      // To the byte, as the sanitizer sees it: not a word too many is read.
      std::vector<uint64_t> pass((last + 63) / 64);
      for (uint64_t& word : pass) word = random.below(2) == 0 ? ~uint64_t{0} : random.next();
      std::vector<uint32_t> expected;
      for (size_t row = first; row < last; row++) {
        if (((pass[row / 64] >> (row % 64)) & 1) != 0) expected.push_back(static_cast<uint32_t>(row));
      }
      Nearest nearest(300, 1);
      Nearest* pointer = &nearest;
      nestbit::scan(kernel, {codes.data(), first, last, 1, pass.data()}, codes.data(), 1, &pointer, nullptr);
      std::vector<uint32_t> found(nearest.size());
      std::vector<uint16_t> distances(nearest.size());
      nearest.finish(found.data(), distances.data());
      expect(found == expected, "%s scan: filtered rows %zu to %zu", kernel.name, first, last);
    }
  }
}

// Sets the flag from inside: the kernel it stands in for is asked a few times only.
std::atomic<int> flag{0};
int calls = 0;
const Kernel* real = nullptr;

void cancelling(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out) {
  real->distances(query, codes, rows, bytes, out);
  if (++calls == 2) flag = 1;
}

void checkCancel(const Kernel& kernel) {
  const size_t rows = 40000, bytes = 128;
  std::vector<uint8_t> codes(rows * bytes);
  Nearest nearest(10, bytes);
  Nearest* pointer = &nearest;
  const nestbit::Scan scan = {codes.data(), 0, rows, bytes, nullptr};
  Kernel spy = kernel;
  spy.distances = cancelling;
  real = &kernel;
  calls = 0;
  flag = 0;
  expect(!nestbit::scan(spy, scan, codes.data(), 1, &pointer, &flag), "%s scan: not cancelled", kernel.name);
  expect(calls == 2, "%s scan: %d calls before it sees the flag", kernel.name, calls);
  const nestbit::Scan empty = {nullptr, 5, 5, bytes, nullptr};
  expect(nestbit::scan(kernel, empty, codes.data(), 1, &pointer, nullptr), "%s scan: empty range", kernel.name);
  expect(nestbit::scan(kernel, scan, nullptr, 0, nullptr, nullptr), "%s scan: no queries", kernel.name);
}

}  // namespace

void checkScan(const Kernel& kernel) {
  Random random(14);
  for (int i = 0; i < 120; i++) oneScan(kernel, random);
  checkRanges(kernel, random);
  checkCancel(kernel);
}
