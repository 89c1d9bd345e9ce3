#include <stdexcept>

#include "../src/kernels/nearest.h"
#include "check.h"
#include "fault.h"
#include "naive.h"
#include "random.h"

using naive::Hit;
using nestbit::Nearest;

namespace {

// Compares what was kept with a sort of all that was offered.
void compare(Nearest& nearest, const std::vector<Hit>& offered, size_t capacity, const char* what) {
  const std::vector<Hit> expected = naive::nearest(offered, capacity);
  expect(nearest.size() == expected.size(), "nearest, %s: size %zu, not %zu", what, nearest.size(), expected.size());
  std::vector<uint32_t> rows(expected.size());
  std::vector<uint16_t> distances(expected.size());
  const size_t count = nearest.finish(rows.data(), distances.data());
  expect(count == expected.size(), "nearest, %s: %zu rows, not %zu", what, count, expected.size());
  for (size_t i = 0; i < expected.size(); i++) {
    expect(distances[i] == expected[i].first && rows[i] == expected[i].second,
           "nearest, %s, capacity %zu: place %zu is (%u, %u), not (%u, %u)", what, capacity, i, distances[i], rows[i],
           expected[i].first, expected[i].second);
  }
}

void shuffle(std::vector<Hit>& hits, Random& random) {
  for (size_t i = hits.size(); i > 1; i--) std::swap(hits[i - 1], hits[random.below(i)]);
}

void oneRun(Random& random) {
  const size_t bytes = 1 + random.below(random.below(4) == 0 ? 200 : 4);
  const size_t rows = random.below(4000);
  const size_t capacity = 1 + random.below(random.below(2) == 0 ? 20 : 3000);
  Nearest nearest(capacity, bytes);
  std::vector<Hit> offered;
  for (uint32_t row = 0; row < rows; row++) {
    offered.emplace_back(static_cast<uint16_t>(random.below(bytes * 8 + 1)), row);
  }
  // Copies of rows, as damaged indexes offer them.
  if (random.below(2) == 0 && !offered.empty()) {
    for (size_t i = offered.size() / 4 + 1; i > 0; i--) {
      const Hit copy = offered[random.below(offered.size())];
      offered.push_back(copy);
    }
    std::sort(offered.begin(), offered.end(), [](const Hit& a, const Hit& b) { return a.second < b.second; });
  }
  for (const char* what : {"ascending", "descending", "shuffled", "nearest last", "in two parts"}) {
    if (*what == 'd') std::reverse(offered.begin(), offered.end());
    if (*what == 's') shuffle(offered, random);
    if (*what == 'n') std::sort(offered.rbegin(), offered.rend());
    nearest.reset();
    const size_t middle = *what == 'i' ? offered.size() / 2 : offered.size();
    uint16_t threshold = nearest.threshold();
    for (size_t i = 0; i < offered.size(); i++) {
      if (i == middle) {
        compare(nearest, {offered.begin(), offered.begin() + static_cast<long>(i)}, capacity, "first part");
      }
      nearest.offer(offered[i].second, offered[i].first);
      expect(nearest.threshold() <= threshold, "nearest: the threshold rises");
      threshold = nearest.threshold();
    }
    compare(nearest, offered, capacity, what);
    // Finishing changes nothing.
    compare(nearest, offered, capacity, what);
  }
}

void refuses(size_t capacity, size_t bytes) {
  try {
    Nearest nearest(capacity, bytes);
    expect(false, "nearest: capacity %zu and %zu bytes are accepted", capacity, bytes);
  } catch (const std::invalid_argument&) {
  }
}

}  // namespace

void checkNearest() {
  Random random(13);
  for (int i = 0; i < 150; i++) oneRun(random);
  // A large capacity takes no memory by itself.
  for (const size_t capacity : {size_t{10000000}, SIZE_MAX}) {
    Nearest nearest(capacity, 8191);
    std::vector<Hit> offered = {{65528, 4294967295}, {0, 7}, {65528, 0}, {12, 4294967295}};
    for (const Hit& hit : offered) nearest.offer(hit.second, hit.first);
    compare(nearest, offered, capacity, "large capacity");
  }
  refuses(0, 128);
  refuses(10, 0);
  refuses(10, 8192);
}
