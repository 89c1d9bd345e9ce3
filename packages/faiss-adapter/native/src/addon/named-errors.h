// Failures on the JavaScript thread become JavaScript errors with a code: an exception that left a callback would end
// the process.
#pragma once

#include <napi.h>

#include <new>
#include <string>

#include "../failure.h"

namespace nestbit {

[[noreturn]] inline void throwNamed(Napi::Env env, const char* code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  throw error;
}

constexpr char outOfMemory[] = "There is not enough memory for this call.";

// Returns what run() returns. Any exception leaves it as a Napi::Error.
template <typename F>
auto named(Napi::Env env, F run) {
  try {
    return run();
  } catch (const Napi::Error&) {
    throw;
  } catch (const Failure& failure) {
    throwNamed(env, failure.code, failure.what());
  } catch (const std::bad_alloc&) {
    throwNamed(env, "OUT_OF_MEMORY", outOfMemory);
  } catch (const std::exception& error) {
    throwNamed(env, "FAISS_FAILED", error.what());
  }
}

// A function as JavaScript gets it: namedFunction<readIndex>.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value namedFunction(const Napi::CallbackInfo& info) {
  return named(info.Env(), [&] { return function(info); });
}

template <void (*function)(const Napi::CallbackInfo&)>
void namedFunction(const Napi::CallbackInfo& info) {
  named(info.Env(), [&] { function(info); });
}

}  // namespace nestbit
