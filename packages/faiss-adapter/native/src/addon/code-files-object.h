// CodeFiles as a JavaScript class.
#pragma once

#include <napi.h>

#include <memory>

#include "../storage/code-files.h"
#include "named-errors.h"

namespace nestbit {

class CodeFilesObject : public Napi::ObjectWrap<CodeFilesObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  // new CodeFiles(folder, { format, bits, scalars, copy, copyBytes }, copiesMapped); see CodeLayout
  explicit CodeFilesObject(const Napi::CallbackInfo& info);
  // The files of an argument; TypeError when it is something else or closed.
  static std::shared_ptr<CodeFiles> of(const Napi::Value& value);

 private:
  template <Napi::Value (CodeFilesObject::*method)(const Napi::CallbackInfo&)>
  Napi::Value named(const Napi::CallbackInfo& info) {
    return nestbit::named(info.Env(), [&] { return (this->*method)(info); });
  }
  Napi::Value grow(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value verify(const Napi::CallbackInfo& info);
  Napi::Value read(const Napi::CallbackInfo& info);

  std::shared_ptr<CodeFiles> files_;
};

}  // namespace nestbit
