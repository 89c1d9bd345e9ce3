#include "search-function.h"

#include "../search/two-stage.h"
#include "arguments.h"
#include "binary-index-object.h"
#include "code-files-object.h"
#include "job.h"
#include "results.h"

namespace nestbit {
namespace {

Stage stageOf(const Napi::Value& value) {
  const std::string name = text(value, "stage");
  if (name == "hamming") return Stage::hamming;
  if (name == "refine") return Stage::refine;
  if (name == "rescore") return Stage::rescore;
  refuse(value.Env(), "stage must be hamming, refine or rescore, got " + name);
}

struct StoreHits {
  Result<uint32_t> rows;   // (queries, width)
  Result<double> scores;   // (queries, width)
  Result<uint32_t> found;  // (queries)
};

// Float64Array of exactly `length`; undefined, and null here, where the store's rows have no use for it.
const double* doubles(const Napi::Object& options, const char* name, bool wanted, size_t length) {
  const Napi::Value value = options.Get(name);
  if (wanted) return elements<double>(value, name, napi_float64_array, length);
  if (!value.IsUndefined()) refuse(options.Env(), std::string(name) + " must be undefined for rows of this layout");
  return nullptr;
}

}  // namespace

Napi::Value searchStore(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto options = info[0].As<Napi::Object>();
  TwoStage search{};
  search.files = CodeFilesObject::of(options.Get("files"));
  if (!options.Get("index").IsUndefined()) search.index = BinaryIndexObject::of(options.Get("index"));
  search.rows = wholeNumber(options, "rows", 0, static_cast<double>(search.files->rows()));
  search.indexed = wholeNumber(options, "indexed", 0, static_cast<double>(search.rows));
  if (search.index != nullptr &&
      (search.index->bytes() != search.files->bytes() || search.index->rows() < search.indexed))
    refuse(env, "the index is not of these files");
  const Napi::Value pass = options.Get("pass");
  if (!pass.IsUndefined()) {
    search.pass = elements<uint64_t>(pass, "pass", napi_biguint64_array, anyLength);
    if (lengthOf(pass) < (search.rows + 63) / 64) refuse(env, "pass has fewer bits than there are rows");
  }
  search.passing = wholeNumber(options, "passing", 0, static_cast<double>(search.rows));
  search.prefilter = wholeNumber(options, "prefilter", 1, 1e7);
  search.rescored = wholeNumber(options, "rescored", 1, 1e7);
  search.k = wholeNumber(options, "k", 1, 1e7);
  search.probes = wholeNumber(options, "probes", 1, 1 << 24);
  search.efSearch = wholeNumber(options, "efSearch", 1, 1e7);
  search.stage = stageOf(options.Get("stage"));
  search.threads = wholeNumber(options, "threads", 1, 1024);
  const auto token = static_cast<uint32_t>(wholeNumber(options, "token", 0, 4294967295.0));

  Queries queries{};
  queries.count = wholeNumber(options, "count", 1, 1e7);
  const size_t values = queries.count * search.files->dimensions();
  const bool scalars = search.files->layout().scalars > 0;
  const bool copies = search.files->layout().copy != Copy::none;
  queries.bits = elements<uint8_t>(options.Get("bits"), "bits", napi_uint8_array, values / 8);
  queries.bitWeights = elements<int16_t>(options.Get("bitWeights"), "bitWeights", napi_int16_array, values);
  queries.bitFactors = doubles(options, "bitFactors", scalars, tableEntries);
  queries.bitOffsets = doubles(options, "bitOffsets", scalars, queries.count * tableEntries);
  queries.bitScale = doubles(options, "bitScale", true, queries.count);
  queries.bitBias = doubles(options, "bitBias", true, queries.count);
  queries.rescoreWeights = doubles(options, "rescoreWeights", copies, values);
  queries.rescoreScale = doubles(options, "rescoreScale", true, queries.count);
  queries.rescoreBias = doubles(options, "rescoreBias", true, queries.count);

  const size_t width = search.width();
  if (queries.count * width > maxHits) {
    throw Failure("SEARCH_LIMIT", std::to_string(queries.count) + " queries times " + std::to_string(width) +
                                      " results are more than " + std::to_string(maxHits) +
                                      "; search fewer queries at once or ask for fewer.");
  }
  const auto hits = std::make_shared<StoreHits>();
  return start(
      env, token, {options},
      [=](const Stop& stop) {
        *hits = {Result<uint32_t>(queries.count * width), Result<double>(queries.count * width),
                 Result<uint32_t>(queries.count)};
        // Nothing passes: nothing is found.
        if (width > 0) searchTwoStage(search, queries, stop, {hits->rows.data(), hits->scores.data(), hits->found.data()});
        search.files->checkReadable();
      },
      [=](Napi::Env env) {
        auto result = Napi::Object::New(env);
        result.Set("width", static_cast<double>(width));
        result.Set("rows", typedArray(env, napi_uint32_array, hits->rows));
        result.Set("scores", typedArray(env, napi_float64_array, hits->scores));
        result.Set("found", typedArray(env, napi_uint32_array, hits->found));
        return result;
      });
}

}  // namespace nestbit
