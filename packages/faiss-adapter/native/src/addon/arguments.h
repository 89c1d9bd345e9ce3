// Arguments from JavaScript, checked before a pointer is walked.
#pragma once

#include <napi.h>

#include <string>

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

// A typed array of one element type and of exactly `length` elements (or any number).
constexpr size_t anyLength = SIZE_MAX;

template <typename T>
T* elements(const Napi::Value& value, const char* name, napi_typedarray_type type, size_t length) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type)
    throw Napi::TypeError::New(value.Env(), std::string(name) + " is a typed array of another kind, or none");
  const auto array = value.As<Napi::TypedArray>();
  if (length != anyLength && array.ElementLength() != length) {
    refuse(value.Env(), std::string(name) + " has " + std::to_string(array.ElementLength()) + " elements, needed are " +
                            std::to_string(length));
  }
  return reinterpret_cast<T*>(static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset());
}

inline size_t lengthOf(const Napi::Value& value) { return value.As<Napi::TypedArray>().ElementLength(); }

// Rows of a flat array of codes; its length must divide by the bytes of a row.
inline size_t rowsOf(const Napi::Value& value, const char* name, size_t bytes) {
  const size_t length = lengthOf(value);
  if (length % bytes != 0)
    refuse(value.Env(), std::string(name) + " has " + std::to_string(length) + " bytes, no multiple of " + std::to_string(bytes));
  return length / bytes;
}

}  // namespace nestbit
