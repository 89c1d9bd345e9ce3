#include "two-stage.h"

#include <algorithm>
#include <numeric>

#include "../failure.h"
#include "../kernels/scan.h"

namespace nestbit {
namespace {

// Queries that share one pass over memory.
constexpr size_t queriesAtOnce = 64;
// A scan of less is not worth a second thread.
constexpr size_t bytesForThreads = 4 << 20;
// With fewer passing rows than one in so many, reading just those beats an index.
constexpr size_t selective = 20;

void checkStop(const Stop& stop) {
  if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
}

// Scans rows [first, last) for some queries, the range split among threads.
void scanRows(const TwoStage& search, size_t first, size_t last, const uint8_t* queries, size_t count,
              std::vector<Nearest>& nearest, size_t from, const Stop& stop) {
  if (first >= last) return;
  const size_t bytes = search.files->bytes();
  const size_t parts = (last - first) * bytes < bytesForThreads ? 1 : std::max<size_t>(1, search.threads);
  std::vector<std::vector<Nearest>> others(parts - 1);
  parallel(parts, parts, [&](size_t part) {
    std::vector<Nearest*> mine(count);
    if (part > 0) others[part - 1].reserve(count);
    for (size_t query = 0; query < count; query++) {
      if (part > 0) others[part - 1].emplace_back(search.prefilter, bytes);
      mine[query] = part == 0 ? &nearest[from + query] : &others[part - 1][query];
    }
    // Bounds at multiples of 64, so that no two threads share a word of the bitmap.
    const size_t rows = last - first;
    const size_t begin = part == 0 ? first : (first + rows * part / parts) / 64 * 64;
    const size_t end = part + 1 == parts ? last : (first + rows * (part + 1) / parts) / 64 * 64;
    if (begin >= end) return;
    const Scan range{search.files->bits(), std::max(begin, first), end, bytes, search.pass};
    if (!scan(kernel(), range, queries, count, mine.data(), &stop)) throw Failure("ABORTED", "stopped");
  });
  std::vector<uint32_t> rows;
  std::vector<uint16_t> distances;
  for (auto& part : others) {
    for (size_t query = 0; query < part.size(); query++) {
      rows.resize(part[query].size());
      distances.resize(part[query].size());
      const size_t found = part[query].finish(rows.data(), distances.data());
      for (size_t i = 0; i < found; i++) nearest[from + query].offer(rows[i], distances[i]);
    }
  }
}

void scanAll(const TwoStage& search, const Queries& queries, size_t first, size_t last, std::vector<Nearest>& nearest,
             const Stop& stop) {
  for (size_t from = 0; from < queries.count; from += queriesAtOnce) {
    checkStop(stop);
    const size_t count = std::min(queries.count - from, queriesAtOnce);
    scanRows(search, first, last, queries.bits + from * search.files->bytes(), count, nearest, from, stop);
  }
}

// Hamming candidates by the index; queries that it leaves short are scanned.
void throughIndex(const TwoStage& search, const Queries& queries, std::vector<Nearest>& nearest, const Stop& stop) {
  const size_t bytes = search.files->bytes();
  // A beam loses the rows that do not pass: it is widened by their share.
  const size_t widened = search.passing == 0 ? search.efSearch : search.efSearch * search.rows / search.passing;
  const IndexSearch options{search.probes, std::max<size_t>(1, std::min(widened, search.indexed)), true, search.rows,
                            search.pass};
  parallel(queries.count, search.threads, [&](size_t query) {
    checkStop(stop);
    search.index->nearest(queries.bits + query * bytes, options, nearest[query]);
  });
  scanAll(search, queries, search.indexed, search.rows, nearest, stop);
  const size_t least = std::min({search.rescored, search.prefilter, search.passing});
  for (size_t query = 0; query < queries.count; query++) {
    if (nearest[query].size() >= least) continue;
    nearest[query].reset();
    scanRows(search, 0, search.rows, queries.bits + query * bytes, 1, nearest, query, stop);
  }
}

// Keeps the `count` best rows, best first, ties by row; scores (rows) move with them.
void keepBest(std::vector<uint32_t>& rows, std::vector<double>& scores, size_t count) {
  std::vector<uint32_t> order(rows.size());
  std::iota(order.begin(), order.end(), 0u);
  const auto better = [&](uint32_t a, uint32_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : rows[a] < rows[b];
  };
  count = std::min(count, rows.size());
  if (count < rows.size()) std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(), better);
  order.resize(count);
  std::sort(order.begin(), order.end(), better);
  std::vector<uint32_t> keptRows(count);
  std::vector<double> keptScores(count);
  for (size_t i = 0; i < count; i++) {
    keptRows[i] = rows[order[i]];
    keptScores[i] = scores[order[i]];
  }
  rows.swap(keptRows);
  scores.swap(keptScores);
}

// The best of the candidates by their bit scores.
void refine(const TwoStage& search, const Queries& queries, size_t query, std::vector<uint32_t>& rows,
            std::vector<double>& scores) {
  const double* const offsets = queries.bitOffsets == nullptr ? nullptr : queries.bitOffsets + query * tableEntries;
  const BitQuery bits{queries.bitWeights + query * search.files->dimensions(), queries.bitFactors, offsets};
  search.files->bitScores(bits, rows.data(), rows.size(), scores.data());
  keepBest(rows, scores, search.rescored);
}

// The best of these by their copies; where there are none, the bit scores have the last word.
void rescore(const TwoStage& search, const Queries& queries, size_t query, std::vector<uint32_t>& rows,
             std::vector<double>& scores) {
  if (search.files->layout().copy == Copy::none) {
    for (double& score : scores) score = score * queries.bitScale[query] + queries.bitBias[query];
    return keepBest(rows, scores, search.k);
  }
  const CopyQuery copies{queries.rescoreWeights + query * search.files->dimensions(), queries.rescoreScale[query],
                         queries.rescoreBias[query]};
  search.files->copyScores(copies, rows.data(), rows.size(), scores.data());
  keepBest(rows, scores, search.k);
}

void finish(const TwoStage& search, const Queries& queries, size_t query, Nearest& nearest, const Ranked& out) {
  std::vector<uint32_t> rows(nearest.size());
  std::vector<uint16_t> distances(nearest.size());
  nearest.finish(rows.data(), distances.data());
  std::vector<double> scores(rows.size());
  if (search.stage == Stage::hamming) {
    std::copy(distances.begin(), distances.end(), scores.begin());
  } else {
    refine(search, queries, query, rows, scores);
  }
  if (search.stage == Stage::rescore) rescore(search, queries, query, rows, scores);
  std::copy(rows.begin(), rows.end(), out.rows + query * search.width());
  std::copy(scores.begin(), scores.end(), out.scores + query * search.width());
  out.found[query] = static_cast<uint32_t>(rows.size());
}

}  // namespace

size_t TwoStage::width() const {
  const size_t wanted = stage == Stage::hamming ? prefilter : stage == Stage::refine ? rescored : k;
  return std::min(wanted, passing);
}

void searchTwoStage(const TwoStage& search, const Queries& queries, const Stop& stop, const Ranked& out) {
  std::vector<Nearest> nearest;
  nearest.reserve(queries.count);
  for (size_t query = 0; query < queries.count; query++) nearest.emplace_back(search.prefilter, search.files->bytes());
  const bool exact = search.index == nullptr || search.passing * selective < search.rows;
  if (exact) {
    scanAll(search, queries, 0, search.rows, nearest, stop);
  } else {
    throughIndex(search, queries, nearest, stop);
  }
  parallel(queries.count, search.threads, [&](size_t query) {
    checkStop(stop);
    finish(search, queries, query, nearest[query], out);
  });
}

}  // namespace nestbit
