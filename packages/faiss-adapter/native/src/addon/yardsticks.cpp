#include "yardsticks.h"

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexFlat.h>
#include <omp.h>

#include <chrono>
#include <vector>

#include "../kernels/kernel.h"
#include "../kernels/scan.h"
#include "../parallel.h"
#include "arguments.h"
#include "named-errors.h"

namespace nestbit {
namespace {

// All of these block the thread: a benchmark wants nothing else to run.
double since(std::chrono::steady_clock::time_point started) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

// readMemory(codes: Uint8Array): seconds to load every byte once, as fast as plain loads go.
Napi::Value readMemory(const Napi::CallbackInfo& info) {
  const auto* data = elements<uint8_t>(info[0], "codes", napi_uint8_array, anyLength);
  const size_t length = lengthOf(info[0]);
  const auto started = std::chrono::steady_clock::now();
  uint64_t sums[8] = {};
  for (size_t at = 0; at + 64 <= length; at += 64) {
    uint64_t words[8];
    __builtin_memcpy(words, data + at, 64);
    for (size_t i = 0; i < 8; i++) sums[i] += words[i];
  }
  volatile uint64_t sink = sums[0] + sums[1] + sums[2] + sums[3] + sums[4] + sums[5] + sums[6] + sums[7];
  (void)sink;
  return Napi::Number::New(info.Env(), since(started));
}

// scan(codes, queries, bytes, k, threads, pass?: BigUint64Array): seconds for all queries
Napi::Value timeScan(const Napi::CallbackInfo& info) {
  const size_t bytes = wholeNumber(info[2], "bytes", 1, 8191);
  const size_t k = wholeNumber(info[3], "k", 1, 1e7);
  const size_t threads = wholeNumber(info[4], "threads", 1, 64);
  const auto* codes = elements<uint8_t>(info[0], "codes", napi_uint8_array, anyLength);
  const auto* queries = elements<uint8_t>(info[1], "queries", napi_uint8_array, anyLength);
  const size_t rows = rowsOf(info[0], "codes", bytes), count = rowsOf(info[1], "queries", bytes);
  const uint64_t* pass = info[5].IsUndefined()
                             ? nullptr
                             : elements<uint64_t>(info[5], "pass", napi_biguint64_array, (rows + 63) / 64);
  const auto started = std::chrono::steady_clock::now();
  parallel(threads, threads, [&](size_t part) {
    std::vector<Nearest> nearest(count, Nearest(k, bytes));
    std::vector<Nearest*> all;
    for (auto& one : nearest) all.push_back(&one);
    const size_t first = rows * part / threads / 64 * 64;
    const size_t last = part + 1 == threads ? rows : rows * (part + 1) / threads / 64 * 64;
    scan(kernel(), {codes, first, last, bytes, pass}, queries, count, all.data(), nullptr);
    std::vector<uint32_t> found(k);
    std::vector<uint16_t> distances(k);
    for (auto& one : nearest) one.finish(found.data(), distances.data());
  });
  return Napi::Number::New(info.Env(), since(started));
}

// faissFlat(codes, queries, bytes, k): seconds of IndexBinaryFlat::search, one thread
Napi::Value faissFlat(const Napi::CallbackInfo& info) {
  const size_t bytes = wholeNumber(info[2], "bytes", 1, 8191);
  const size_t k = wholeNumber(info[3], "k", 1, 1e7);
  const auto* codes = elements<uint8_t>(info[0], "codes", napi_uint8_array, anyLength);
  const auto* queries = elements<uint8_t>(info[1], "queries", napi_uint8_array, anyLength);
  const size_t rows = rowsOf(info[0], "codes", bytes), count = rowsOf(info[1], "queries", bytes);
  faiss::IndexBinaryFlat index(static_cast<int64_t>(bytes * 8));
  index.add(static_cast<int64_t>(rows), codes);
  std::vector<int32_t> distances(count * k);
  std::vector<int64_t> labels(count * k);
  omp_set_num_threads(1);
  const auto started = std::chrono::steady_clock::now();
  index.search(static_cast<int64_t>(count), queries, static_cast<int64_t>(k), distances.data(), labels.data());
  return Napi::Number::New(info.Env(), since(started));
}

// Exact float search: new ExactFloat(dimensions), add(vectors), search(queries (count, dimensions), k):
// { seconds, rows: Float64Array (count, k) }; faiss takes many queries by matrix products.
class ExactFloat : public Napi::ObjectWrap<ExactFloat> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ExactFloat",
                       {InstanceMethod<&ExactFloat::add>("add"), InstanceMethod<&ExactFloat::search>("search"),
                        InstanceMethod<&ExactFloat::reset>("reset")});
  }
  explicit ExactFloat(const Napi::CallbackInfo& info)
      : ObjectWrap(info), index_(static_cast<int64_t>(wholeNumber(info[0], "dimensions", 1, 65536))) {}

 private:
  void add(const Napi::CallbackInfo& info) {
    const auto* vectors = elements<float>(info[0], "vectors", napi_float32_array, anyLength);
    index_.add(static_cast<int64_t>(rowsOf(info[0], "vectors", static_cast<size_t>(index_.d))), vectors);
  }

  Napi::Value search(const Napi::CallbackInfo& info) {
    const auto* queries = elements<float>(info[0], "queries", napi_float32_array, anyLength);
    const size_t count = rowsOf(info[0], "queries", static_cast<size_t>(index_.d));
    const size_t k = wholeNumber(info[1], "k", 1, 1e7);
    std::vector<float> scores(count * k);
    std::vector<int64_t> rows(count * k);
    omp_set_num_threads(1);
    const auto started = std::chrono::steady_clock::now();
    index_.search(static_cast<int64_t>(count), queries, static_cast<int64_t>(k), scores.data(), rows.data());
    const double seconds = since(started);
    auto result = Napi::Object::New(info.Env());
    auto found = Napi::Float64Array::New(info.Env(), rows.size());
    for (size_t i = 0; i < rows.size(); i++) found[i] = static_cast<double>(rows[i]);
    result.Set("seconds", seconds);
    result.Set("rows", found);
    return result;
  }

  void reset(const Napi::CallbackInfo&) { index_.reset(); }

  faiss::IndexFlatIP index_;
};

}  // namespace

void defineYardsticks(Napi::Env env, Napi::Object exports) {
  auto yardsticks = Napi::Object::New(env);
  yardsticks.Set("readMemory", Napi::Function::New<namedFunction<readMemory>>(env));
  yardsticks.Set("scan", Napi::Function::New<namedFunction<timeScan>>(env));
  yardsticks.Set("faissFlat", Napi::Function::New<namedFunction<faissFlat>>(env));
  yardsticks.Set("ExactFloat", ExactFloat::define(env));
  exports.Set("yardsticks", yardsticks);
}

}  // namespace nestbit
