// Refine and rescore sums on NEON, in integers.
#include "sets.h"

#if defined(NESTBIT_ARM)
#include <arm_neon.h>

#include "neon.h"
#include "rescore-planes.h"

namespace nestbit {
namespace neon {
namespace {

// The sum of the weights of the set bits. A lane adds at most 32767 for each
// byte: below 2^28 at 8191 bytes.
inline int64_t setWeights(const int16_t* weights, const uint8_t* row, size_t bytes) {
  static const uint16_t place[8] = {0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01};
  const uint16x8_t places = vld1q_u16(place);
  int32x4_t low = vdupq_n_s32(0), high = low;
  for (size_t at = 0; at < bytes; at++) {
    const uint16x8_t set = vtstq_u16(vdupq_n_u16(row[at]), places);
    const int16x8_t kept = vandq_s16(vld1q_s16(weights + at * 8), vreinterpretq_s16_u16(set));
    low = vaddw_s16(low, vget_low_s16(kept));
    high = vaddw_s16(high, vget_high_s16(kept));
  }
  return vaddlvq_s32(low) + vaddlvq_s32(high);
}

struct Sums {
  int32x4_t low, high;
};

// 8 codes and the weights of one plane. Each lane takes a quarter of planeDimensions / 2 products of at most 2^22:
// below 2^31.
inline void add(Sums& sums, int16x8_t codes, const int16_t* weights) {
  const int16x8_t w = vld1q_s16(weights);
  sums.low = vmlal_s16(sums.low, vget_low_s16(codes), vget_low_s16(w));
  sums.high = vmlal_s16(sums.high, vget_high_s16(codes), vget_high_s16(w));
}

inline int64_t total(const Sums& sums) { return vaddlvq_s32(sums.low) + vaddlvq_s32(sums.high); }

// The sum of one row over at most planeDimensions.
inline double one(const Planes& planes, const int8_t* row, size_t dimensions) {
  const int32x4_t zero = vdupq_n_s32(0);
  Sums low = {zero, zero}, middle = low, high = low;
  size_t at = 0;
  for (; at + 8 <= dimensions; at += 8) {
    const int16x8_t codes = vmovl_s8(vld1_s8(row + at));
    add(low, codes, planes.low + at);
    add(middle, codes, planes.middle + at);
    add(high, codes, planes.high + at);
  }
  int64_t sums[3] = {total(low), total(middle), total(high)};
  for (; at < dimensions; at++) {
    sums[0] += planes.low[at] * row[at];
    sums[1] += planes.middle[at] * row[at];
    sums[2] += planes.high[at] * row[at];
  }
  return join(sums[0], sums[1], sums[2]);
}

}  // namespace

void refine(const int16_t* weights, const uint8_t* codes, const uint32_t* index, size_t count, size_t bytes,
            double* out) {
  int64_t all = 0;
  for (size_t i = 0; i < bytes * 8; i++) all += weights[i];
  for (size_t i = 0; i < count; i++) {
    if (i + 8 < count) fetch(codes + index[i + 8] * bytes, bytes);
    out[i] = static_cast<double>(2 * setWeights(weights, codes + index[i] * bytes, bytes) - all);
  }
}

void rescore(const double* weights, const int8_t* codes, size_t stride, const uint32_t* index, size_t count,
             size_t dimensions, double* out) {
  for (size_t i = 0; i < count; i++) out[i] = 0;
  Planes planes;
  for (size_t first = 0; first < dimensions; first += planeDimensions) {
    const size_t some = dimensions - first < planeDimensions ? dimensions - first : planeDimensions;
    split(weights + first, some, &planes);
    for (size_t i = 0; i < count; i++) {
      if (i + 2 < count) fetch(codes + index[i + 2] * stride + first, some);
      out[i] += one(planes, codes + index[i] * stride + first, some);
    }
  }
}

}  // namespace neon
}  // namespace nestbit
#endif
