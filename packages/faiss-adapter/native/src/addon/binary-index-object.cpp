#include "binary-index-object.h"

#include "../failure.h"
#include "arguments.h"
#include "code-files-object.h"
#include "job.h"
#include "results.h"

namespace nestbit {
namespace {

constexpr napi_type_tag tag = {0x6e65737462697402, 0x62696e617279696e};
constexpr double maxRows = 4294967295.0;

Napi::Value wrap(Napi::Env env, std::unique_ptr<BinaryIndex> index) {
  const auto made = indexClass(env).New({Napi::External<BinaryIndex>::New(env, index.get())});
  // The object owns it now.
  index.release();
  return made;
}

struct Threads {
  size_t threads;
  uint32_t token;
};

Threads threadsOf(const Napi::Value& threads, const Napi::Value& token) {
  return {wholeNumber(threads, "threads", 1, 1024), static_cast<uint32_t>(wholeNumber(token, "token", 0, maxRows))};
}

void checkEnough(Napi::Env env, size_t rows, const BinaryIndex& index) {
  if (rows < index.lists())
    refuse(env, "training " + std::to_string(index.lists()) + " lists needs as many rows, got " + std::to_string(rows));
}

struct IndexHits {
  size_t width = 0;
  Result<int32_t> distances;  // (queries, width)
  Result<int64_t> labels;     // (queries, width)
};

Napi::Value nothing(Napi::Env env) { return env.Undefined(); }

}  // namespace

void BinaryIndexObject::define(Napi::Env env, Napi::Object exports) {
  using Self = BinaryIndexObject;
  const Napi::Function constructor = DefineClass(
      env, "BinaryIndex",
      {InstanceMethod<&Self::named<&Self::train>>("train"), InstanceMethod<&Self::named<&Self::trainFrom>>("trainFrom"),
       InstanceMethod<&Self::named<&Self::add>>("add"), InstanceMethod<&Self::named<&Self::addFrom>>("addFrom"),
       InstanceMethod<&Self::named<&Self::attach>>("attach"), InstanceMethod<&Self::named<&Self::search>>("search"),
       InstanceMethod<&Self::named<&Self::write>>("write"), InstanceMethod<&Self::named<&Self::describe>>("describe")});
  exports.Set("makeIndex", Napi::Function::New<namedFunction<&Self::make>>(env, "makeIndex"));
  exports.Set("readIndex", Napi::Function::New<namedFunction<&Self::read>>(env, "readIndex"));
  indexClass(env) = Napi::Persistent(constructor);
}

BinaryIndexObject::BinaryIndexObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "use makeIndex or readIndex");
  info.This().As<Napi::Object>().TypeTag(&tag);
  index_.reset(info[0].As<Napi::External<BinaryIndex>>().Data());
}

std::shared_ptr<BinaryIndex> BinaryIndexObject::of(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag))
    throw Napi::TypeError::New(value.Env(), "index must be a BinaryIndex");
  return Unwrap(value.As<Napi::Object>())->index_;
}

// makeIndex({ kind, dimensions, lists?, m?, efConstruction? })
Napi::Value BinaryIndexObject::make(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw Napi::TypeError::New(info.Env(), "options must be an object");
  const auto options = info[0].As<Napi::Object>();
  const std::string kind = text(options.Get("kind"), "kind");
  const size_t dimensions = wholeNumber(options, "dimensions", 8, 65528);
  if (dimensions % 8 != 0) refuse(info.Env(), "dimensions must divide by 8");
  if (kind == "ivf") return wrap(info.Env(), BinaryIndex::ivf(dimensions, wholeNumber(options, "lists", 1, 1 << 24)));
  if (kind == "hnsw") {
    return wrap(info.Env(), BinaryIndex::hnsw(dimensions, wholeNumber(options, "m", 2, 512),
                                              wholeNumber(options, "efConstruction", 1, 1 << 20)));
  }
  if (kind != "flat") refuse(info.Env(), "kind must be flat, ivf or hnsw, got " + kind);
  return wrap(info.Env(), BinaryIndex::flat(dimensions));
}

// readIndex(path): promise of a BinaryIndex
Napi::Value BinaryIndexObject::read(const Napi::CallbackInfo& info) {
  const std::string path = nestbit::path(info[0], "path");
  auto index = std::make_shared<std::unique_ptr<BinaryIndex>>();
  return start(
      info.Env(), 0, {}, [=](const Stop&) { *index = BinaryIndex::read(path); },
      [=](Napi::Env env) { return wrap(env, std::move(*index)); });
}

// train(codes, iterations, threads, token): promise
Napi::Value BinaryIndexObject::train(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  elements<uint8_t>(info[0], "codes", napi_uint8_array, anyLength);
  const size_t rows = rowsOf(info[0], "codes", index->bytes());
  checkEnough(info.Env(), rows, *index);
  const size_t iterations = wholeNumber(info[1], "iterations", 1, 1000);
  const auto [threads, token] = threadsOf(info[2], info[3]);
  const auto codes = copied<uint8_t>(info[0], "codes", napi_uint8_array);
  return start(
      info.Env(), token, {},
      [=, threads = threads](const Stop& stop) { index->train(codes.get(), rows, iterations, threads, stop); },
      nothing);
}

// trainFrom(files, rows: Uint32Array, iterations, threads, token): promise; on the codes of those rows
Napi::Value BinaryIndexObject::trainFrom(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  const auto files = CodeFilesObject::of(info[0]);
  const auto rows = copied<uint32_t>(info[1], "rows", napi_uint32_array);
  const size_t count = lengthOf(info[1]);
  if (files->bytes() != index->bytes()) refuse(info.Env(), "the files' rows are of another size than the index's");
  checkEnough(info.Env(), count, *index);
  for (size_t i = 0; i < count; i++)
    if (rows[i] >= files->rows()) refuse(info.Env(), "row " + std::to_string(rows[i]) + " is not stored");
  const size_t iterations = wholeNumber(info[2], "iterations", 1, 1000);
  const auto [threads, token] = threadsOf(info[3], info[4]);
  return start(
      info.Env(), token, {},
      [=, threads = threads](const Stop& stop) {
        std::vector<uint8_t> codes(count * index->bytes());
        for (size_t i = 0; i < count; i++)
          std::copy_n(files->bits() + size_t{rows[i]} * index->bytes(), index->bytes(), codes.data() + i * index->bytes());
        files->checkReadable();
        index->train(codes.data(), count, iterations, threads, stop);
      },
      nothing);
}

// add(codes, threads, token): promise
Napi::Value BinaryIndexObject::add(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  elements<uint8_t>(info[0], "codes", napi_uint8_array, anyLength);
  const size_t rows = rowsOf(info[0], "codes", index->bytes());
  const auto [threads, token] = threadsOf(info[1], info[2]);
  const auto codes = copied<uint8_t>(info[0], "codes", napi_uint8_array);
  return start(
      info.Env(), token, {},
      [=, threads = threads](const Stop& stop) { index->add(codes.get(), rows, threads, stop); }, nothing);
}

// addFrom(files, rows, progress: Uint32Array(1), threads, token): promise; progress counts the rows done. Nobody but
// this package reaches its memory.
Napi::Value BinaryIndexObject::addFrom(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  const auto files = CodeFilesObject::of(info[0]);
  const size_t rows = wholeNumber(info[1], "rows", 0, static_cast<double>(files->rows()));
  auto* progress = elements<uint32_t>(info[2], "progress", napi_uint32_array, 1);
  const auto [threads, token] = threadsOf(info[3], info[4]);
  return start(
      info.Env(), token, {info[2]},
      [=, threads = threads](const Stop& stop) {
        index->addFrom(files, rows, threads, stop,
                       [=](size_t done) { __atomic_store_n(progress, static_cast<uint32_t>(done), __ATOMIC_RELAXED); });
      },
      nothing);
}

// attach(files)
Napi::Value BinaryIndexObject::attach(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  const auto files = CodeFilesObject::of(info[0]);
  if (files->bytes() != index->bytes()) refuse(info.Env(), "the files' rows are of another size than the index's");
  if (files->rows() < index->rows()) refuse(info.Env(), "the files have fewer rows than the index");
  index->attach(files);
  return info.Env().Undefined();
}

// search(queries, k, probes, efSearch, threads, token): promise of { width, distances: Int32Array, labels:
// BigInt64Array }, `width` places a query: k, or as many as there are rows
Napi::Value BinaryIndexObject::search(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  elements<uint8_t>(info[0], "queries", napi_uint8_array, anyLength);
  const size_t count = rowsOf(info[0], "queries", index->bytes());
  const size_t k = wholeNumber(info[1], "k", 1, 1e7);
  const IndexSearch options{wholeNumber(info[2], "probes", 1, 1 << 24), wholeNumber(info[3], "efSearch", 1, 1 << 24), false, SIZE_MAX, nullptr};
  if (count * k > maxHits) {
    throw Failure("SEARCH_LIMIT", std::to_string(count) + " queries times k " + std::to_string(k) + " is more than " +
                                      std::to_string(maxHits) + " hits; search fewer queries at once.");
  }
  const auto [threads, token] = threadsOf(info[4], info[5]);
  const auto queries = copied<uint8_t>(info[0], "queries", napi_uint8_array);
  const auto found = std::make_shared<IndexHits>();
  return start(
      info.Env(), token, {},
      [=, threads = threads](const Stop& stop) {
        const size_t width = std::max<size_t>(1, std::min(k, index->rows()));
        *found = {width, Result<int32_t>(count * width), Result<int64_t>(count * width)};
        index->search(queries.get(), count, width, options, threads, stop, found->distances.data(), found->labels.data());
      },
      [=](Napi::Env env) {
        auto result = Napi::Object::New(env);
        result.Set("width", static_cast<double>(found->width));
        result.Set("distances", typedArray(env, napi_int32_array, found->distances));
        result.Set("labels", typedArray(env, napi_bigint64_array, found->labels));
        return result;
      });
}

// write(path): promise
Napi::Value BinaryIndexObject::write(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  const std::string path = nestbit::path(info[0], "path");
  return start(info.Env(), 0, {}, [=](const Stop&) { index->write(path); }, nothing);
}

// describe(): { kind, dimensions, rows, trained }
Napi::Value BinaryIndexObject::describe(const Napi::CallbackInfo& info) {
  const auto index = of(info.This());
  auto result = Napi::Object::New(info.Env());
  result.Set("kind", index->kind());
  result.Set("dimensions", static_cast<double>(index->bytes() * 8));
  result.Set("rows", static_cast<double>(index->rows()));
  result.Set("trained", index->trained());
  return result;
}

}  // namespace nestbit
