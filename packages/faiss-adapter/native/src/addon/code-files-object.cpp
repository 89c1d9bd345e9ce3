#include "code-files-object.h"

#include "../failure.h"
#include "arguments.h"
#include "job.h"

namespace nestbit {
namespace {

// Tells our objects from others that pass for them.
constexpr napi_type_tag tag = {0x6e65737462697401, 0x636f646566696c65};

}  // namespace

void CodeFilesObject::define(Napi::Env env, Napi::Object exports) {
  exports.Set("CodeFiles", DefineClass(env, "CodeFiles",
                                       {InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::grow>>("grow"),
                                        InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::close>>("close"),
                                        InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::releaseBits>>("releaseBits"),
                                        InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::verify>>("verify"),
                                        InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::read>>("read")}));
}

CodeFilesObject::CodeFilesObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const std::string folder = path(info[0], "folder");
  const size_t bytes = wholeNumber(info[1], "bytes", 1, 8191);
  const size_t int8Mapped = wholeNumber(info[2], "int8Mapped", 0, 1e15);
  nestbit::named(info.Env(), [&] { files_ = std::make_shared<CodeFiles>(folder, bytes, int8Mapped); });
  info.This().As<Napi::Object>().TypeTag(&tag);
}

std::shared_ptr<CodeFiles> CodeFilesObject::of(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag))
    throw Napi::TypeError::New(value.Env(), "files must be CodeFiles");
  const auto files = Unwrap(value.As<Napi::Object>())->files_;
  if (files == nullptr) throw Napi::TypeError::New(value.Env(), "the CodeFiles are closed");
  return files;
}

// grow(rows)
Napi::Value CodeFilesObject::grow(const Napi::CallbackInfo& info) {
  const auto files = of(info.This());
  const size_t rows = wholeNumber(info[0], "rows", 0, 4294967295.0);
  files->grow(rows);
  return info.Env().Undefined();
}

// close(): calls under way go on; the memory is unmapped after the last of them.
Napi::Value CodeFilesObject::close(const Napi::CallbackInfo& info) {
  files_.reset();
  return info.Env().Undefined();
}

Napi::Value CodeFilesObject::releaseBits(const Napi::CallbackInfo& info) {
  of(info.This())->releaseBits();
  return info.Env().Undefined();
}

// verify(which: 'bits' | 'int8', first, last, threads, token): promise
Napi::Value CodeFilesObject::verify(const Napi::CallbackInfo& info) {
  const auto files = of(info.This());
  const bool int8 = text(info[0], "which") == "int8";
  const size_t first = wholeNumber(info[1], "first", 0, static_cast<double>(files->rows()));
  const size_t last = wholeNumber(info[2], "last", static_cast<double>(first), static_cast<double>(files->rows()));
  const size_t threads = wholeNumber(info[3], "threads", 1, 1024);
  const size_t token = wholeNumber(info[4], "token", 0, 4294967295.0);
  return start(
      info.Env(), static_cast<uint32_t>(token), {},
      [=](const Stop& stop) {
        if (int8) files->verifyInt8(first, last, threads, stop);
        else files->verifyBits(first, last, threads, stop);
      },
      [](Napi::Env env) { return env.Undefined(); });
}

// read(rows: Uint32Array, bits: Uint8Array, int8: Int8Array, token): promise; fills the arrays, whose memory nobody but
// this package reaches
Napi::Value CodeFilesObject::read(const Napi::CallbackInfo& info) {
  const auto files = of(info.This());
  const auto* rows = elements<uint32_t>(info[0], "rows", napi_uint32_array, anyLength);
  const size_t count = lengthOf(info[0]);
  auto* bits = elements<uint8_t>(info[1], "bits", napi_uint8_array, count * files->bytes());
  auto* int8 = elements<int8_t>(info[2], "int8", napi_int8_array, count * files->dimensions());
  for (size_t i = 0; i < count; i++)
    if (rows[i] >= files->rows()) refuse(info.Env(), "row " + std::to_string(rows[i]) + " is not stored");
  return start(
      info.Env(), 0, {info[0], info[1], info[2]},
      [=](const Stop&) {
        for (size_t i = 0; i < count; i++) {
          files->readBits(rows[i], bits + i * files->bytes());
          files->readInt8(rows[i], int8 + i * files->dimensions());
        }
      },
      [](Napi::Env env) { return env.Undefined(); });
}

}  // namespace nestbit
