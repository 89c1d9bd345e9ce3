// Times the kernels beside the mere reading of the same memory. Arguments: rows (1,000,000), kernel name (the
// best), repetitions (7). All figures are medians, one thread, random codes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "../src/kernels/row-scores.h"
#include "../src/kernels/scan.h"
#include "random.h"
#include "yardstick.h"

using nestbit::Kernel;
using nestbit::Nearest;

namespace {

size_t repetitions = 7;
std::atomic<int> cancel{0};

// Median milliseconds of a call, after one to warm up.
double timed(const std::function<void()>& call) {
  std::vector<double> times;
  call();
  for (size_t i = 0; i < repetitions; i++) {
    const auto start = std::chrono::steady_clock::now();
    call();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2, times.end());
  return times[times.size() / 2];
}

struct Data {
  size_t rows, bytes;
  std::vector<uint8_t> codes, queries;
  Data(size_t rows, size_t bytes) : rows(rows), bytes(bytes), codes(rows * bytes), queries(64 * bytes) {
    Random random(1);
    random.fill(codes.data(), codes.size());
    random.fill(queries.data(), queries.size());
  }
};

double scanTime(const Kernel& kernel, const Data& data, size_t count, size_t capacity, const uint64_t* pass) {
  std::vector<Nearest> nearest(count, Nearest(capacity, data.bytes));
  std::vector<Nearest*> pointers;
  for (Nearest& one : nearest) pointers.push_back(&one);
  std::vector<uint32_t> rows(capacity);
  std::vector<uint16_t> distances(capacity);
  const nestbit::Scan scan = {data.codes.data(), 0, data.rows, data.bytes, pass};
  return timed([&] {
    for (Nearest& one : nearest) one.reset();
    nestbit::scan(kernel, scan, data.queries.data(), count, pointers.data(), &cancel);
    for (Nearest& one : nearest) one.finish(rows.data(), distances.data());
  });
}

void scans(const Kernel& kernel, size_t rows, size_t bits) {
  const Data data(rows, bits / 8);
  const double read = timed([&] { yardstick(data.codes.data(), data.codes.size()); });
  const double one = scanTime(kernel, data, 1, 100, nullptr);
  std::printf("%4zu bits: reading %.2f ms; top 100 %.2f ms = %.2f x reading; top 10000 %.2f ms; a query of", bits, read,
              one, one / read, scanTime(kernel, data, 1, 10000, nullptr));
  for (const size_t count : {2, 4, 8, 16, 64}) {
    std::printf(" %zu: %.2f", count, scanTime(kernel, data, count, 100, nullptr) / static_cast<double>(count));
  }
  std::printf(" ms\n");
}

void filters(const Kernel& kernel, size_t rows) {
  const Data data(rows, 128);
  for (const double share : {1.0, 0.9, 0.7, 0.5, 0.3, 0.1, 0.03, 0.01, 0.001}) {
    Random random(2);
    std::vector<uint64_t> pass((rows + 63) / 64);
    for (size_t row = 0; row < rows; row++) {
      if (static_cast<double>(random.below(1000000)) < share * 1e6) pass[row / 64] |= uint64_t{1} << (row % 64);
    }
    std::printf("1024 bits, filter passing %5.1f %%: top 100 %.2f ms; a query of 64: %.2f ms\n", share * 100,
                scanTime(kernel, data, 1, 100, pass.data()), scanTime(kernel, data, 64, 100, pass.data()) / 64);
  }
}

void rows(const Kernel& kernel) {
  constexpr size_t dimensions = 1024, count = 1000, many = 200000;
  Random random(3);
  std::vector<uint8_t> codes(many * dimensions / 8);
  std::vector<int8_t> int8(many * dimensions / 4);
  random.fill(codes.data(), codes.size());
  random.fill(reinterpret_cast<uint8_t*>(int8.data()), int8.size());
  std::vector<int16_t> weights(dimensions);
  std::vector<double> fine(dimensions);
  for (size_t i = 0; i < dimensions; i++) weights[i] = static_cast<int16_t>(random.below(65535));
  for (size_t i = 0; i < dimensions; i++) fine[i] = static_cast<double>(random.below(1ull << 36)) - (1ll << 35);
  std::vector<uint32_t> warm(count), cold(count), quarter(count);
  for (size_t i = 0; i < count; i++) {
    warm[i] = static_cast<uint32_t>(random.below(1000));
    cold[i] = static_cast<uint32_t>(i * (many / count) + random.below(100));
    quarter[i] = cold[i] / 4;
  }
  std::vector<double> out(count);
  std::vector<uint16_t> distances(count);
  const uint8_t* query = codes.data();
  const size_t bytes = dimensions / 8;
  // Cold: other rows of more than the L2 cache each time.
  const auto shifted = [&](std::vector<uint32_t>& index, size_t limit) {
    for (uint32_t& row : index) row = static_cast<uint32_t>((row + 101) % limit);
  };
  const double gatherWarm =
      timed([&] { kernel.gather(query, codes.data(), warm.data(), count, bytes, distances.data()); });
  const double refineWarm =
      timed([&] { kernel.refine(weights.data(), codes.data(), warm.data(), count, bytes, out.data()); });
  const double rescoreWarm = timed(
      [&] { kernel.rescore(fine.data(), int8.data(), dimensions, warm.data(), 200, dimensions, out.data()); });
  const double gatherCold = timed([&] {
    shifted(cold, many);
    kernel.gather(query, codes.data(), cold.data(), count, bytes, distances.data());
  });
  const double refineCold = timed([&] {
    shifted(cold, many);
    kernel.refine(weights.data(), codes.data(), cold.data(), count, bytes, out.data());
  });
  const double rescoreCold = timed([&] {
    shifted(quarter, many / 4);
    kernel.rescore(fine.data(), int8.data(), dimensions, quarter.data(), 200, dimensions, out.data());
  });
  std::printf("1024 bits, 1000 rows gathered: %.1f us warm, %.1f us scattered over 25 MB\n", gatherWarm * 1e3,
              gatherCold * 1e3);
  std::printf("1024 bits, 1000 rows refined: %.1f us warm, %.1f us scattered over 25 MB\n", refineWarm * 1e3,
              refineCold * 1e3);
  std::printf("1024 int8, 200 rows rescored: %.1f us warm, %.1f us scattered over 50 MB\n", rescoreWarm * 1e3,
              rescoreCold * 1e3);
}

// What a row's scalars and the layout of its copy add to the bare sums.
void rowScores(const Kernel& kernel) {
  constexpr size_t dimensions = 1024, bytes = dimensions / 8, many = 20000, count = 200;
  Random random(4);
  std::vector<uint8_t> bits(many * bytes), scalars(many * nestbit::scalarBytes);
  random.fill(bits.data(), bits.size());
  random.fill(scalars.data(), scalars.size());
  const std::vector<int16_t> weights(dimensions, 1000);
  const std::vector<double> table(nestbit::tableEntries, 3), fine(dimensions, 1 << 30);
  std::vector<uint32_t> index(5 * count);
  std::vector<double> out(index.size());
  const auto shifted = [&] {
    for (uint32_t& row : index) row = static_cast<uint32_t>(random.below(many));
  };
  for (const bool with : {false, true}) {
    const nestbit::BitQuery query = {weights.data(), with ? table.data() : nullptr, with ? table.data() : nullptr};
    const double time = timed([&] {
      shifted();
      nestbit::bitScores(kernel, query, bits.data(), scalars.data(), index.data(), index.size(), bytes, out.data());
    });
    std::printf("1024 bits, %zu bit scores %s scalars: %.1f us\n", index.size(), with ? "with" : "without", time * 1e3);
  }
  const char* const names[] = {"none", "calibrated", "int8", "int16", "int4"};
  for (const nestbit::Copy copy :
       {nestbit::Copy::calibrated, nestbit::Copy::int8, nestbit::Copy::int16, nestbit::Copy::int4}) {
    const size_t stride = nestbit::copyBytes(copy, dimensions) + 4;
    std::vector<uint8_t> copies(many * stride, 3);
    const double time = timed([&] {
      shifted();
      nestbit::copyScores(kernel, copy, {fine.data(), 1, 0}, copies.data(), stride, index.data(), count, dimensions,
                          out.data());
    });
    std::printf("1024 dimensions, %zu copies of kind %s rescored, scattered: %.1f us\n", count,
                names[static_cast<int>(copy)], time * 1e3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1000000;
  if (argc > 2) setenv("NESTBIT_KERNEL", argv[2], 1);
  if (argc > 3) repetitions = std::strtoul(argv[3], nullptr, 10);
  const Kernel& kernel = nestbit::kernel();
  std::printf("kernel %s, %zu rows, median of %zu\n", kernel.name, count, repetitions);
  for (const size_t bits : {256, 512, 768, 1024, 1536, 384, 1000}) scans(kernel, count, bits);
  filters(kernel, count);
  rows(kernel);
  rowScores(kernel);
  return 0;
}
