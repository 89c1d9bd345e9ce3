// Scores of stored rows: the kernels' exact sums, and what each row keeps beside them. The arithmetic after the sums
// is written out in the order of the codec's definition and compiled without contraction, so scores are the same to
// the bit in every store and on every machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel.h"

namespace nestbit {

// How a row's copy is stored. All but `calibrated` and `none` end with two float32: scale and half the squared length.
enum class Copy {
  none,        // No copy: the bit score decides.
  calibrated,  // dimensions int8, by ranges of the codec
  int8,        // dimensions int8
  int16,       // dimensions int8 (high), dimensions int8 (low): value = 256 high + low
  int4         // dimensions / 2 bytes: low nibbles, then high nibbles; value = 2 nibble - 15
};

// Bytes of one row's copy.
size_t copyBytes(Copy copy, size_t dimensions);

// Bytes of one row's scalars: two codes, f and r, into the tables of a query. Codecs without have none.
constexpr size_t scalarBytes = 2;
constexpr size_t tableEntries = 256;

struct BitQuery {
  const int16_t* weights;  // (bytes * 8)
  const double* factors;   // (tableEntries) by f; null: the codec has no scalars
  const double* offsets;   // (tableEntries) by r; null likewise
};

// Bit scores of the rows at bits + index[i] * bytes and scalars + index[i] * scalarBytes: factors[f] * sum -
// offsets[r], or the sum alone. Factors and offsets are integers, all results below 2^53. index (count), out (count).
void bitScores(const Kernel& kernel, const BitQuery& query, const uint8_t* bits, const uint8_t* scalars,
               const uint32_t* index, size_t count, size_t bytes, double* out);

struct CopyQuery {
  const double* weights;  // (dimensions), integers; see Kernel::rescore
  double scale, bias;
};

// Scores of the copies at copies + index[i] * stride; not for Copy::none. Allocates (std::bad_alloc). index (count),
// out (count).
void copyScores(const Kernel& kernel, Copy copy, const CopyQuery& query, const uint8_t* copies, size_t stride,
                const uint32_t* index, size_t count, size_t dimensions, double* out);

}  // namespace nestbit
