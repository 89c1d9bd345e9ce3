// BinaryIndex as a JavaScript class.
#pragma once

#include <napi.h>

#include <memory>

#include "../index/binary-index.h"
#include "named-errors.h"

namespace nestbit {

class BinaryIndexObject : public Napi::ObjectWrap<BinaryIndexObject> {
 public:
  static void define(Napi::Env env, Napi::Object exports);
  // Not for callers: takes the native index.
  explicit BinaryIndexObject(const Napi::CallbackInfo& info);
  static std::shared_ptr<BinaryIndex> of(const Napi::Value& value);

 private:
  static Napi::Value make(const Napi::CallbackInfo& info);
  static Napi::Value read(const Napi::CallbackInfo& info);
  template <Napi::Value (BinaryIndexObject::*method)(const Napi::CallbackInfo&)>
  Napi::Value named(const Napi::CallbackInfo& info) {
    return nestbit::named(info.Env(), [&] { return (this->*method)(info); });
  }
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value trainFrom(const Napi::CallbackInfo& info);
  Napi::Value add(const Napi::CallbackInfo& info);
  Napi::Value addFrom(const Napi::CallbackInfo& info);
  Napi::Value attach(const Napi::CallbackInfo& info);
  Napi::Value search(const Napi::CallbackInfo& info);
  Napi::Value write(const Napi::CallbackInfo& info);
  Napi::Value describe(const Napi::CallbackInfo& info);

  std::shared_ptr<BinaryIndex> index_;
};

}  // namespace nestbit
