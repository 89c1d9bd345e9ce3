// Arrays for JavaScript whose memory is allocated here: Node ends the process when it has none for an array.
#pragma once

#include <napi.h>

#include <cstdlib>
#include <memory>
#include <new>

namespace nestbit {

// Hits of one call: 12 to 16 bytes each.
constexpr size_t maxHits = size_t{1} << 28;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// `length` values of a type without a constructor, zeros. Throws std::bad_alloc.
template <typename T>
class Result {
 public:
  explicit Result(size_t length = 0) : length_(length), memory_(static_cast<T*>(std::calloc(length, sizeof(T)))) {
    if (memory_ == nullptr && length > 0) throw std::bad_alloc();
  }
  T* data() { return memory_.get(); }
  size_t bytes() const { return length_ * sizeof(T); }
  size_t length() const { return length_; }
  void* release() { return memory_.release(); }

 private:
  size_t length_;
  std::unique_ptr<T[], Free> memory_;
};

// Takes `bytes` of malloc's memory as an ArrayBuffer. Throws std::bad_alloc, Napi::Error.
napi_value takeMemory(Napi::Env env, std::unique_ptr<void, Free> memory, size_t bytes);

// The values as a typed array, on the JavaScript thread.
template <typename T>
Napi::Value typedArray(Napi::Env env, napi_typedarray_type type, Result<T>& values) {
  const size_t length = values.length(), bytes = values.bytes();
  const napi_value buffer = takeMemory(env, std::unique_ptr<void, Free>(values.release()), bytes);
  napi_value array;
  if (napi_create_typedarray(env, type, length, buffer, 0, &array) != napi_ok) throw Napi::Error::New(env);
  return Napi::Value(env, array);
}

}  // namespace nestbit
