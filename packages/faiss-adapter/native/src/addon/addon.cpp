// What the addon gives to JavaScript. Each file beside this one holds one class or a few functions.
#include <napi.h>

#include "../kernels/kernel.h"
#include "binary-index-object.h"
#include "code-files-object.h"
#include "file-functions.h"
#include "job.h"
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

Napi::Object load(Napi::Env env, Napi::Object exports) {
  try {
    // An unknown NESTBIT_KERNEL is told at once.
    exports.Set("kernel", kernel().name);
  } catch (const std::exception& error) {
    throw Napi::RangeError::New(env, error.what());
  }
  prepareJobs(env);
  CodeFilesObject::define(env, exports);
  BinaryIndexObject::define(env, exports);
  defineYardsticks(env, exports);
  exports.Set("kernels", Napi::Function::New<kernelNames>(env));
  exports.Set("search", Napi::Function::New<searchStore>(env));
  exports.Set("cancel", Napi::Function::New<cancel>(env));
  exports.Set("lockFile", Napi::Function::New<lockFile>(env));
  exports.Set("unlockFile", Napi::Function::New<unlockFile>(env));
  exports.Set("checksums", Napi::Function::New<checksums>(env));
  exports.Set("checksumFile", Napi::Function::New<checksumFile>(env));
  exports.Set("dropPages", Napi::Function::New<dropPages>(env));
  exports.Set("threads", static_cast<double>(poolSize()));
  return exports;
}

}  // namespace
}  // namespace nestbit

static Napi::Object initialize(Napi::Env env, Napi::Object exports) { return nestbit::load(env, exports); }
NODE_API_MODULE(nestbit_faiss, initialize)
