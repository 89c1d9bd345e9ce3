#include "landmarks.h"

#include <algorithm>
#include <cmath>

#include "../failure.h"
#include "lists.h"

namespace nestbit {
namespace {

// As faiss counts levels, from 1: vertices of level 2 and above.
constexpr int landmarkLevel = 3;
// Graphs of fewer vertices need no more than random levels.
constexpr size_t fewest = 1024;
// Landmarks to raise: so many times the root of the number of rows.
constexpr double perRoot = 4;
// Rows of the sample for each of them.
constexpr size_t sampled = 32;

// A batch of new regions may need so many times the landmarks that its rows would have.
constexpr size_t burst = 4;
// Older rows whose distances say how near a landmark ought to be.
constexpr size_t olderRows = 1024;

struct Farthest {
  uint16_t distance;
  size_t at;
};

// `count` of the rows [first, first + rows) at even steps, their codes side by side.
struct Sample {
  Sample(const uint8_t* codes, size_t first, size_t rows, size_t count, size_t bytes)
      : vertices(count), codes(count * bytes) {
    for (size_t i = 0; i < count; i++) {
      vertices[i] = static_cast<uint32_t>(first + i * rows / count);
      std::copy_n(codes + size_t{vertices[i]} * bytes, bytes, this->codes.data() + i * bytes);
    }
  }
  std::vector<uint32_t> vertices;
  std::vector<uint8_t> codes;
};

// Distances of the sample's rows from the nearest of some centers.
std::vector<uint16_t> distancesFrom(const std::vector<uint8_t>& centers, const Sample& sample, size_t bytes,
                                    size_t threads, const Stop& stop) {
  const size_t rows = sample.vertices.size();
  std::vector<uint16_t> distances(rows, static_cast<uint16_t>(bytes * 8));
  if (centers.empty() || rows == 0) return distances;
  std::vector<uint32_t> nearest(rows);
  assignRows(sample.codes.data(), rows, bytes, centers.data(), centers.size() / bytes, nearest.data(), threads, stop);
  for (size_t i = 0; i < rows; i++)
    kernel().distances(sample.codes.data() + i * bytes, centers.data() + nearest[i] * bytes, 1, bytes, &distances[i]);
  return distances;
}

}  // namespace

void Landmarks::add(const faiss::HNSW& hnsw, const uint8_t* codes, size_t from, size_t to, size_t bytes) {
  for (size_t row = from; row < to; row++) {
    if (!isLandmark(hnsw, static_cast<uint32_t>(row))) continue;
    vertices_.push_back(static_cast<uint32_t>(row));
    codes_.insert(codes_.end(), codes + row * bytes, codes + (row + 1) * bytes);
  }
}

void raiseLandmarks(std::vector<int>& levels, const Landmarks& known, const uint8_t* codes, size_t first, size_t rows,
                    size_t bytes, size_t threads, const Stop& stop) {
  if (rows < fewest) return;
  const size_t fresh = rows - first;
  const double share = static_cast<double>(fresh) / static_cast<double>(rows);
  const size_t count = static_cast<size_t>(perRoot * std::sqrt(static_cast<double>(rows)) * share);
  if (count == 0) return;
  const Sample sample(codes, first, fresh, std::min(fresh, count * sampled), bytes);
  const size_t size = sample.vertices.size();
  // How far rows are from their landmarks so far.
  std::vector<uint8_t> centers(known.codes(), known.codes() + known.size() * bytes);
  const Sample older(codes, 0, first, std::min(first, olderRows), bytes);
  const std::vector<uint16_t> usual = distancesFrom(centers, older, bytes, threads, stop);
  const size_t reach = usual.empty() ? SIZE_MAX : *std::max_element(usual.begin(), usual.end());
  // Those that have the level by chance are landmarks too.
  for (size_t row = first; row < rows; row++)
    if (levels[row] >= landmarkLevel) centers.insert(centers.end(), codes + row * bytes, codes + (row + 1) * bytes);
  std::vector<uint16_t> distances = distancesFrom(centers, sample, bytes, threads, stop);

  const size_t parts = std::max<size_t>(1, std::min(threads, size * bytes >> 16));
  std::vector<Farthest> farthest(parts);
  std::vector<std::vector<uint16_t>> fromLast(parts);
  const uint8_t* last = nullptr;
  for (size_t i = 0; i < burst * count; i++) {
    if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
    parallel(parts, threads, [&](size_t part) {
      const size_t begin = size * part / parts, end = size * (part + 1) / parts;
      if (last != nullptr) {
        std::vector<uint16_t>& others = fromLast[part];
        others.resize(end - begin);
        kernel().distances(last, sample.codes.data() + begin * bytes, end - begin, bytes, others.data());
        for (size_t row = begin; row < end; row++) distances[row] = std::min(distances[row], others[row - begin]);
      }
      const auto most = std::max_element(distances.begin() + static_cast<std::ptrdiff_t>(begin),
                                         distances.begin() + static_cast<std::ptrdiff_t>(end));
      farthest[part] = {*most, static_cast<size_t>(most - distances.begin())};
    });
    Farthest next = farthest[0];
    for (const Farthest& other : farthest)
      if (other.distance > next.distance) next = other;
    // All that are left are copies of landmarks, or as near to one as older rows are.
    if (next.distance == 0 || (i >= count && next.distance <= reach)) return;
    int& level = levels[sample.vertices[next.at]];
    level = std::max(level, landmarkLevel);
    last = sample.codes.data() + next.at * bytes;
  }
}

}  // namespace nestbit
