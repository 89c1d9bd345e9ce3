#include "results.h"

#include <cstring>

namespace nestbit {
namespace {

// Smaller results are copied: a finalizer costs more.
constexpr size_t copiedBytes = 65536;

}  // namespace

napi_value takeMemory(Napi::Env env, std::unique_ptr<void, Free> memory, size_t bytes) {
  napi_value buffer;
  if (bytes > copiedBytes) {
    const auto finalizer = [](napi_env, void* data, void*) { std::free(data); };
    const napi_status status =
        napi_create_external_arraybuffer(env, memory.get(), bytes, finalizer, nullptr, &buffer);
    if (status == napi_ok) {
      memory.release();
      return buffer;
    }
    // Some hosts, such as Electron, allow only memory of their own.
    if (status != napi_no_external_buffers_allowed) throw Napi::Error::New(env);
  }
  void* to;
  if (napi_create_arraybuffer(env, bytes, &to, &buffer) != napi_ok) throw Napi::Error::New(env);
  if (bytes > 0) std::memcpy(to, memory.get(), bytes);
  return buffer;
}

}  // namespace nestbit
