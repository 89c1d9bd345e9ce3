#include "nearest.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace nestbit {
namespace {

constexpr uint64_t everyRow = 0xffffffff;

uint64_t limitAt(uint64_t threshold) { return threshold << 32 | everyRow; }

size_t checkedCounts(size_t capacity, size_t bytes) {
  if (capacity < 1) throw std::invalid_argument("Nearest: capacity is 0; it must be at least 1");
  if (bytes < 1 || bytes > 8191) {
    throw std::invalid_argument("Nearest: codes of " + std::to_string(bytes) + " bytes; 1 to 8191 are possible");
  }
  return bytes * 8 + 1;
}

}  // namespace

Nearest::Nearest(size_t capacity, size_t bytes) : capacity_(capacity), counts_(checkedCounts(capacity, bytes)) {
  // There are no more than 2^32 rows.
  room_ = std::max<size_t>(256, 2 * std::min<size_t>(capacity, everyRow));
  reset();
}

void Nearest::reset() {
  limit_ = limitAt(counts_.size() - 1);
  inside_ = 0;
  entries_.clear();
  std::fill(counts_.begin(), counts_.end(), 0);
}

void Nearest::accept(uint64_t entry) {
  if (entries_.size() == room_) {
    compact();
    if (entry > limit_) return;
  }
  entries_.push_back(entry);
  counts_[entry >> 32]++;
  inside_++;
  // Enough rows below the threshold: those at it are not among the nearest.
  while (inside_ - counts_[threshold()] >= capacity_) {
    inside_ -= counts_[threshold()];
    limit_ = limitAt(threshold() - 1);
  }
}

// Drops what is beyond the limit, and of the rows at the threshold the largest that are too many; the others
// stay in the order of their offers. A damaged index may offer a row twice: it then takes two places.
void Nearest::compact() {
  const uint64_t most = threshold();
  size_t places = counts_[most];
  size_t copies = SIZE_MAX;
  if (inside_ > capacity_) {
    places = capacity_ - (inside_ - counts_[most]);
    std::vector<uint64_t> ties;
    ties.reserve(counts_[most]);
    for (const uint64_t entry : entries_) {
      if (entry >> 32 == most && entry <= limit_) ties.push_back(entry);
    }
    std::nth_element(ties.begin(), ties.begin() + (places - 1), ties.end());
    limit_ = ties[places - 1];
    copies = static_cast<size_t>(std::count(ties.begin(), ties.begin() + static_cast<std::ptrdiff_t>(places), limit_));
  }
  const auto beyond = [&](uint64_t entry) {
    if (entry != limit_) return entry > limit_;
    if (copies == 0) return true;
    copies--;
    return false;
  };
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(), beyond), entries_.end());
  counts_[most] = static_cast<uint32_t>(places);
  inside_ = entries_.size();
}

size_t Nearest::finish(uint32_t* rows, uint16_t* distances) {
  compact();
  std::vector<size_t> next(size_t{threshold()} + 1);
  for (size_t d = 1; d < next.size(); d++) next[d] = next[d - 1] + counts_[d - 1];
  for (const uint64_t entry : entries_) {
    const size_t at = next[entry >> 32]++;
    rows[at] = static_cast<uint32_t>(entry);
    distances[at] = static_cast<uint16_t>(entry >> 32);
  }
  // Rows offered in ascending order are sorted by now. next[d] is where distance d ends.
  for (size_t d = 0, first = 0; d < next.size(); first = next[d], d++) {
    if (!std::is_sorted(rows + first, rows + next[d])) std::sort(rows + first, rows + next[d]);
  }
  return entries_.size();
}

}  // namespace nestbit
