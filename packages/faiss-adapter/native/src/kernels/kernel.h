// The inner loops of binary search, one set per instruction set, chosen once at run time.
//
// A code is a row of packed bits, most significant bit first, `bytes` (1 to 8191) bytes long: a distance is at
// most 65,528 and fits uint16. Arrays are flat and row-major, and need no alignment. No function reads outside
// the rows it is given, allocates, or throws. GCC and clang only (target attributes, builtins).
#pragma once

#include <cstddef>
#include <cstdint>

namespace nestbit {

struct Kernel {
  // "portable", "avx2", "avx512" or "neon".
  const char* name;

  // Hamming distances of one query to contiguous rows. query (bytes), codes (rows, bytes), out (rows).
  void (*distances)(const uint8_t* query, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out);

  // The same to scattered rows, out[i] for the row at codes + index[i] * bytes, fetched ahead of their use.
  // index (count), out (count).
  void (*gather)(const uint8_t* query, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
                 uint16_t* out);

  // Several queries against contiguous rows, best when these stay in the L2 cache. queries (count, bytes),
  // codes (rows, bytes), out[q * stride + row], stride >= rows.
  void (*block)(const uint8_t* queries, size_t count, const uint8_t* codes, size_t rows, size_t bytes, uint16_t* out,
                size_t stride);

  // Which of `rows` distances are at most `limit`: bit (row % 64) of bits[row / 64]. bits ((rows + 63) / 64);
  // bits past the last row are 0.
  void (*within)(const uint16_t* distances, size_t rows, uint16_t limit, uint64_t* bits);

  // The refine score, sum over i of weights[i] * (2 bit_i - 1), of the rows at codes + index[i] * bytes; exact.
  // weights (bytes * 8) in -32767 to 32767, index (count), out (count).
  void (*refine)(const int16_t* weights, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
                 double* out);

  // Sum over i of weights[i] * row[i], of the rows at codes + index[i] * stride, stride in bytes. weights
  // (dimensions) are integers whose sum of |w| * 128 is below 2^53: every partial sum is exact, so all kernels
  // agree to the bit. Other weights give meaningless numbers. index (count), out (count).
  void (*rescore)(const double* weights, const int8_t* codes, size_t stride, const uint32_t* index, size_t count,
                  size_t dimensions, double* out);
};

// The best kernel this machine runs, chosen at the first call. The environment variable NESTBIT_KERNEL forces
// one by name; a name that is unknown or cannot run here throws std::invalid_argument, at every call.
const Kernel& kernel();

// All kernels this machine runs, best first; the last is "portable". Sets *count.
const Kernel* const* kernels(size_t* count);

}  // namespace nestbit
