// CRC-32C (Castagnoli, RFC 3720), which processors compute by themselves.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nestbit {

// The checksum of `length` bytes; `previous` is that of the bytes before them, 0 at the start.
uint32_t crc32c(const uint8_t* data, size_t length, uint32_t previous = 0);

}  // namespace nestbit
