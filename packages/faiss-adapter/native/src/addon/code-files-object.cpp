#include "code-files-object.h"

#include "../failure.h"
#include "arguments.h"
#include "job.h"

namespace nestbit {
namespace {

// Tells our objects from others that pass for them.
constexpr napi_type_tag tag = {0x6e65737462697401, 0x636f646566696c65};

Copy copyOf(const Napi::Value& value) {
  const std::string name = text(value, "copy");
  if (name == "none") return Copy::none;
  if (name == "calibrated") return Copy::calibrated;
  if (name == "int8") return Copy::int8;
  if (name == "int16") return Copy::int16;
  if (name == "int4") return Copy::int4;
  refuse(value.Env(), "copy must be none, calibrated, int8, int16 or int4, got " + name);
}

// { format, bits, scalars, copy, copyBytes }
CodeLayout layoutOf(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  if (!value.IsObject()) throw Napi::TypeError::New(env, "layout must be an object");
  const auto options = value.As<Napi::Object>();
  CodeLayout layout{};
  layout.format = wholeNumber(options, "format", 1, 2);
  layout.bits = wholeNumber(options, "bits", 1, 8191);
  layout.scalars = wholeNumber(options, "scalars", 0, scalarBytes);
  layout.copy = copyOf(options.Get("copy"));
  if (layout.scalars == 1) refuse(env, "scalars must be 0 or " + std::to_string(scalarBytes));
  if (layout.format == 1 && (layout.scalars != 0 || layout.copy != Copy::calibrated))
    refuse(env, "format 1 has no scalars and calibrated copies");
  // The codec says it too: two that disagree must not read each other's rows.
  wholeNumber(options, "copyBytes", static_cast<double>(layout.copyBytes()), static_cast<double>(layout.copyBytes()));
  return layout;
}

// The array to read one part of `count` rows into; undefined: not read.
uint8_t* part(const Napi::Value& value, const char* name, size_t length) {
  return value.IsUndefined() ? nullptr : elements<uint8_t>(value, name, napi_uint8_array, length);
}

}  // namespace

void CodeFilesObject::define(Napi::Env env, Napi::Object exports) {
  exports.Set("CodeFiles", DefineClass(env, "CodeFiles",
                                       {InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::grow>>("grow"),
                                        InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::close>>("close"),
                                        InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::verify>>("verify"),
                                        InstanceMethod<&CodeFilesObject::named<&CodeFilesObject::read>>("read")}));
}

CodeFilesObject::CodeFilesObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const std::string folder = path(info[0], "folder");
  const CodeLayout layout = layoutOf(info[1]);
  const size_t copiesMapped = wholeNumber(info[2], "copiesMapped", 0, 1e15);
  nestbit::named(info.Env(), [&] { files_ = std::make_shared<CodeFiles>(folder, layout, copiesMapped); });
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

// verify(which: 'bits' | 'copies', first, last, threads, token): promise
Napi::Value CodeFilesObject::verify(const Napi::CallbackInfo& info) {
  const auto files = of(info.This());
  const std::string which = text(info[0], "which");
  if (which != "bits" && which != "copies") refuse(info.Env(), "which must be bits or copies, got " + which);
  const size_t first = wholeNumber(info[1], "first", 0, static_cast<double>(files->rows()));
  const size_t last = wholeNumber(info[2], "last", static_cast<double>(first), static_cast<double>(files->rows()));
  const size_t threads = wholeNumber(info[3], "threads", 1, 1024);
  const size_t token = wholeNumber(info[4], "token", 0, 4294967295.0);
  return start(
      info.Env(), static_cast<uint32_t>(token), {},
      [=](const Stop& stop) {
        if (which == "copies") files->verifyCopies(first, last, threads, stop);
        else files->verifyBits(first, last, threads, stop);
        files->checkReadable();
      },
      [](Napi::Env env) { return env.Undefined(); });
}

// read(rows: Uint32Array, bits?, scalars?, copies?: Uint8Array): promise; fills the arrays that are given, scalars
// only with bits. Nobody but this package reaches their memory
Napi::Value CodeFilesObject::read(const Napi::CallbackInfo& info) {
  const auto files = of(info.This());
  const CodeLayout& layout = files->layout();
  const auto* rows = elements<uint32_t>(info[0], "rows", napi_uint32_array, anyLength);
  const size_t count = lengthOf(info[0]);
  uint8_t* const bits = part(info[1], "bits", count * layout.bits);
  uint8_t* const scalars = part(info[2], "scalars", count * layout.scalars);
  uint8_t* const copies = part(info[3], "copies", count * layout.copyBytes());
  // The checksum covers both.
  if (scalars != nullptr && bits == nullptr) refuse(info.Env(), "scalars are read with bits");
  for (size_t i = 0; i < count; i++)
    if (rows[i] >= files->rows()) refuse(info.Env(), "row " + std::to_string(rows[i]) + " is not stored");
  return start(
      info.Env(), 0, {info[0], info[1], info[2], info[3]},
      [=](const Stop&) {
        // Where the scalars are not asked for, the check of the bits needs them all the same.
        uint8_t apart[scalarBytes];
        for (size_t i = 0; i < count; i++) {
          uint8_t* const to = scalars == nullptr ? apart : scalars + i * files->layout().scalars;
          if (bits != nullptr) files->readBits(rows[i], bits + i * files->layout().bits, to);
          if (copies != nullptr) files->readCopy(rows[i], copies + i * files->layout().copyBytes());
        }
        files->checkReadable();
      },
      [](Napi::Env env) { return env.Undefined(); });
}

}  // namespace nestbit
