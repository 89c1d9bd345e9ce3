// What the addon gives to JavaScript. Each file beside this one holds one class or a few functions.
#include <napi.h>

#include "../kernels/kernel.h"
#include "binary-index-object.h"
#include "code-files-object.h"
#include "file-functions.h"
#include "job.h"
#include "named-errors.h"
#include "search-function.h"
#include "yardsticks.h"

namespace nestbit {
namespace {

// kernels(): names of the kernels this machine runs, best first
Napi::Value kernelNames(const Napi::CallbackInfo& info) {
  size_t count;
  const Kernel* const* all = kernels(&count);
  auto names = Napi::Array::New(info.Env(), count);
  for (size_t i = 0; i < count; i++) names.Set(static_cast<uint32_t>(i), all[i]->name);
  return names;
}

void define(Napi::Env env, Napi::Object exports) {
  try {
    // An unknown NESTBIT_KERNEL is told at once.
    exports.Set("kernel", kernel().name);
  } catch (const std::invalid_argument& error) {
    throw Napi::RangeError::New(env, error.what());
  }
  prepareJobs(env);
  CodeFilesObject::define(env, exports);
  BinaryIndexObject::define(env, exports);
  defineYardsticks(env, exports);
  exports.Set("kernels", Napi::Function::New<namedFunction<kernelNames>>(env));
  exports.Set("search", Napi::Function::New<namedFunction<searchStore>>(env));
  exports.Set("cancel", Napi::Function::New<namedFunction<cancel>>(env));
  exports.Set("lockFile", Napi::Function::New<namedFunction<lockFile>>(env));
  exports.Set("lockHeld", Napi::Function::New<namedFunction<lockHeld>>(env));
  exports.Set("unlockFile", Napi::Function::New<namedFunction<unlockFile>>(env));
  exports.Set("checksums", Napi::Function::New<namedFunction<checksums>>(env));
  exports.Set("withChecksums", Napi::Function::New<namedFunction<withChecksums>>(env));
  exports.Set("checksumFile", Napi::Function::New<namedFunction<checksumFile>>(env));
  exports.Set("dropPages", Napi::Function::New<namedFunction<dropPages>>(env));
  exports.Set("threads", static_cast<double>(poolSize()));
}

Napi::Object load(Napi::Env env, Napi::Object exports) {
  named(env, [&] { define(env, exports); });
  return exports;
}

}  // namespace
}  // namespace nestbit

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return nestbit::load(env, exports); }
NODE_API_MODULE(nestbit_faiss, initialize)
