// Small things of the file system that Node does not offer.
#pragma once

#include <napi.h>

namespace nestbit {

// lockFile(path): a number to unlock it by, or undefined when another process or store holds it. The lock ends with
// the process, however that ends.
Napi::Value lockFile(const Napi::CallbackInfo& info);

// lockHeld(path): whether somebody holds that lock; undefined when the file cannot be read. Makes no file.
Napi::Value lockHeld(const Napi::CallbackInfo& info);

// unlockFile(number)
void unlockFile(const Napi::CallbackInfo& info);

// checksums(codes: Uint8Array, rows, before?: Uint32Array): Uint32Array (rows), CRC-32C of each row; `before` holds
// those of what comes before each row's bytes
Napi::Value checksums(const Napi::CallbackInfo& info);

// withChecksums(codes: Uint8Array, rows): Uint8Array, each row followed by its CRC-32C
Napi::Value withChecksums(const Napi::CallbackInfo& info);

// checksumFile(path, bytes): promise of the CRC-32C of the first `bytes` of a file
Napi::Value checksumFile(const Napi::CallbackInfo& info);

// dropPages(path): what this process has mapped of a file leaves its memory; it comes again when touched. Linux; no
// effect elsewhere.
void dropPages(const Napi::CallbackInfo& info);

}  // namespace nestbit
