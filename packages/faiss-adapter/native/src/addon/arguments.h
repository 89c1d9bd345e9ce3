// Arguments from JavaScript, checked before a pointer is walked.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "../parallel.h"

namespace nestbit {

[[noreturn]] inline void refuse(Napi::Env env, const std::string& message) {
  throw Napi::RangeError::New(env, message);
}

// A whole number from low to high.
inline size_t wholeNumber(const Napi::Value& value, const char* name, double low, double high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= low && number <= high) || number != static_cast<double>(static_cast<size_t>(number))) {
    refuse(value.Env(), std::string(name) + " must be a whole number from " + std::to_string(static_cast<size_t>(low)) +
                            " to " + std::to_string(static_cast<size_t>(high)));
  }
  return static_cast<size_t>(number);
}

inline size_t wholeNumber(const Napi::Object& options, const char* name, double low, double high) {
  return wholeNumber(options.Get(name), name, low, high);
}

inline std::string text(const Napi::Value& value, const char* name) {
  if (!value.IsString()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a string");
  return value.As<Napi::String>().Utf8Value();
}

// The name of a file. The system would cut it at a NUL and open another file.
inline std::string path(const Napi::Value& value, const char* name) {
  const std::string result = text(value, name);
  if (result.find('\0') != std::string::npos)
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must not contain a NUL character");
  return result;
}

// A typed array of one element type and of exactly `length` elements (or any number). Its memory is JavaScript's,
// which may be shared: a pointer is for this call only, unless nobody else can reach the array.
constexpr size_t anyLength = SIZE_MAX;

struct TypedMemory {
  void* data;
  size_t length;
};

inline TypedMemory typedMemory(const Napi::Value& value, const char* name, napi_typedarray_type type, size_t length) {
  napi_typedarray_type found{};
  TypedMemory memory{};
  napi_value buffer = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &found, &memory.length, &memory.data, &buffer, nullptr) != napi_ok ||
      found != type)
    throw Napi::TypeError::New(value.Env(), std::string(name) + " is a typed array of another kind, or none");
  bool detached = false;
  if (memory.length == 0 && napi_is_detached_arraybuffer(value.Env(), buffer, &detached) == napi_ok && detached)
    throw Napi::TypeError::New(value.Env(), std::string(name) + " has no memory any more: its buffer was transferred");
  if (length != anyLength && memory.length != length) {
    refuse(value.Env(), std::string(name) + " has " + std::to_string(memory.length) + " elements, needed are " +
                            std::to_string(length));
  }
  return memory;
}

template <typename T>
T* elements(const Napi::Value& value, const char* name, napi_typedarray_type type, size_t length) {
  return static_cast<T*>(typedMemory(value, name, type, length).data);
}

inline size_t lengthOf(const Napi::Value& value) { return value.As<Napi::TypedArray>().ElementLength(); }

// Rows of a flat array of codes; its length must divide by the bytes of a row.
inline size_t rowsOf(const Napi::Value& value, const char* name, size_t bytes) {
  const size_t length = lengthOf(value);
  if (length % bytes != 0)
    refuse(value.Env(), std::string(name) + " has " + std::to_string(length) + " bytes, no multiple of " + std::to_string(bytes));
  return length / bytes;
}

// Copies a typed array for a job: the caller may change, shrink, transfer or share its memory meanwhile.
template <typename T>
std::shared_ptr<const T[]> copied(const Napi::Value& value, const char* name, napi_typedarray_type type,
                                  size_t length = anyLength) {
  const TypedMemory from = typedMemory(value, name, type, length);
  std::shared_ptr<T[]> to(new T[from.length]);
  // New memory costs a page fault each 4 KiB: large copies are shared among threads.
  const size_t bytes = from.length * sizeof(T), part = size_t{8} << 20;
  parallel((bytes + part - 1) / part, poolSize(), [&](size_t at) {
    const size_t start = at * part;
    std::memcpy(reinterpret_cast<uint8_t*>(to.get()) + start, static_cast<const uint8_t*>(from.data) + start,
                std::min(part, bytes - start));
  });
  return to;
}

}  // namespace nestbit
