#include "binary-index.h"

#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryHNSW.h>
#include <faiss/IndexBinaryIVF.h>
#include <faiss/IndexIDMap.h>
#include <faiss/invlists/InvertedLists.h>

#include <algorithm>

#include "../failure.h"
#include "../kernels/scan.h"
#include "lists.h"

namespace nestbit {
namespace {

// Rows linked or assigned under one lock, between which searches get their turn.
constexpr size_t rowsAtOnce = 2048;
// faiss numbers vertices by int32.
constexpr size_t maxRows = INT32_MAX;
// Queries that share a pass over a flat index.
constexpr size_t queriesAtOnce = 64;

const uint8_t* flatCodes(const faiss::IndexBinary* index) {
  return static_cast<const faiss::IndexBinaryFlat*>(index)->xb.data();
}

}  // namespace

BinaryIndex::BinaryIndex(std::unique_ptr<faiss::IndexBinary> index)
    : index_(std::move(index)), inner_(index_.get()), bytes_(static_cast<size_t>(index_->d) / 8) {
  if (auto* map = dynamic_cast<faiss::IndexBinaryIDMap*>(index_.get())) {
    inner_ = map->index;
    ids_ = reinterpret_cast<const std::vector<int64_t>*>(&map->id_map);
  }
  const auto* lists = dynamic_cast<faiss::IndexBinaryIVF*>(inner_);
  const auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_);
  const bool known = dynamic_cast<faiss::IndexBinaryFlat*>(inner_) != nullptr ||
                     (lists != nullptr && dynamic_cast<faiss::IndexBinaryFlat*>(lists->quantizer) != nullptr) ||
                     (graph != nullptr && dynamic_cast<faiss::IndexBinaryFlat*>(graph->storage) != nullptr);
  if (!known) throw Failure("INDEX_INVALID", "The binary index is neither flat nor IVF or HNSW over flat codes.");
  rows_ = static_cast<size_t>(inner_->ntotal);
  if (graph != nullptr) landmarks_.add(graph->hnsw, flatCodes(graph->storage), 0, rows_, bytes_);
  trained_ = inner_->is_trained;
}

std::unique_ptr<BinaryIndex> BinaryIndex::flat(size_t dimensions) {
  return std::unique_ptr<BinaryIndex>(
      new BinaryIndex(std::make_unique<faiss::IndexBinaryFlat>(static_cast<int64_t>(dimensions))));
}

std::unique_ptr<BinaryIndex> BinaryIndex::ivf(size_t dimensions, size_t lists) {
  auto quantizer = std::make_unique<faiss::IndexBinaryFlat>(static_cast<int64_t>(dimensions));
  auto index = std::make_unique<faiss::IndexBinaryIVF>(quantizer.get(), dimensions, lists);
  quantizer.release();
  index->own_fields = true;
  index->is_trained = false;
  return std::unique_ptr<BinaryIndex>(new BinaryIndex(std::move(index)));
}

std::unique_ptr<BinaryIndex> BinaryIndex::hnsw(size_t dimensions, size_t m, size_t efConstruction) {
  auto index = std::make_unique<faiss::IndexBinaryHNSW>(static_cast<int>(dimensions), static_cast<int>(m));
  index->hnsw.efConstruction = static_cast<int>(efConstruction);
  return std::unique_ptr<BinaryIndex>(new BinaryIndex(std::move(index)));
}

const char* BinaryIndex::kind() const {
  if (dynamic_cast<faiss::IndexBinaryIVF*>(inner_) != nullptr) return "ivf";
  return dynamic_cast<faiss::IndexBinaryHNSW*>(inner_) != nullptr ? "hnsw" : "flat";
}

size_t BinaryIndex::lists() const {
  const auto* lists = dynamic_cast<const faiss::IndexBinaryIVF*>(inner_);
  return lists == nullptr ? 0 : lists->nlist;
}

void BinaryIndex::checkWhole() const {
  if (broken_) throw Failure("INDEX_INVALID", "Adding to this HNSW index was stopped in the middle; make it anew.");
}

// With mutex_ held.
void BinaryIndex::took(size_t rows) {
  inner_->ntotal = static_cast<int64_t>(rows);
  rows_ = rows;
}

void BinaryIndex::train(const uint8_t* codes, size_t rows, size_t iterations, size_t threads, const Stop& stop) {
  auto* lists = dynamic_cast<faiss::IndexBinaryIVF*>(inner_);
  if (lists == nullptr) return;
  std::lock_guard<std::mutex> changing(changing_);
  if (rows_ > 0) throw Failure("INDEX_INVALID", "An index that holds rows cannot be trained again.");
  const std::vector<uint8_t> centroids = kMajority(codes, rows, bytes_, lists->nlist, iterations, threads, stop);
  std::unique_lock<std::shared_mutex> lock(mutex_);
  lists->quantizer->reset();
  lists->quantizer->add(static_cast<int64_t>(lists->nlist), centroids.data());
  lists->is_trained = true;
  trained_ = true;
}

void BinaryIndex::append(const uint8_t* codes, size_t from, size_t to, bool own, size_t threads, const Stop& stop,
                         const std::function<void(size_t)>& done) {
  if (auto* lists = dynamic_cast<faiss::IndexBinaryIVF*>(inner_)) {
    if (!lists->is_trained) throw Failure("INDEX_INVALID", "The IVF index is not trained; call train first.");
    std::vector<uint32_t> assigned(to - from);
    assignRows(codes, to - from, bytes_, flatCodes(lists->quantizer), lists->nlist, assigned.data(), threads, stop);
    std::unique_lock<std::shared_mutex> lock(mutex_);
    for (size_t i = 0; i < to - from; i++)
      lists->invlists->add_entry(assigned[i], static_cast<int64_t>(from + i), codes + i * bytes_);
    took(to);
  } else if (auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_)) {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    checkWhole();
    broken_ = true;
    if (own) graph->storage->add(static_cast<int64_t>(to - from), codes);
    addToGraph(graph->hnsw, landmarks_, this->codes(), to, bytes_, threads, stop, done);
    took(to);
    broken_ = false;
    return;
  } else {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    inner_->add(static_cast<int64_t>(to - from), codes);
    took(to);
  }
  done(to - from);
}

void BinaryIndex::add(const uint8_t* codes, size_t rows, size_t threads, const Stop& stop) {
  if (ids_ != nullptr) throw Failure("INDEX_INVALID", "An index with an id map is read only here.");
  if (rows == 0) return;
  std::lock_guard<std::mutex> changing(changing_);
  if (rows_ + rows > maxRows) throw Failure("SEARCH_LIMIT", "An index holds up to 2,147,483,647 rows.");
  append(codes, rows_, rows_ + rows, true, threads, stop, [](size_t) {});
}

void BinaryIndex::addFrom(std::shared_ptr<const CodeFiles> files, size_t rows, size_t threads, const Stop& stop,
                          const std::function<void(size_t)>& done) {
  attach(files);
  std::lock_guard<std::mutex> changing(changing_);
  const size_t first = rows_;
  const bool graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_) != nullptr;
  // A graph that nobody searches yet is built in one go, with its vertices from the top level down.
  const size_t step = graph && first == 0 ? rows : graph ? rowsAtOnce : 16 * rowsAtOnce;
  for (size_t from = first; from < rows;) {
    if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
    const size_t to = std::min(rows, from + step);
    append(files->bits() + from * bytes_, from, to, false, threads, stop,
           [&](size_t linked) { done(from - first + linked); });
    from = to;
  }
  files->checkReadable();
}

void BinaryIndex::attach(std::shared_ptr<const CodeFiles> files) {
  auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_);
  if (graph == nullptr) return;
  std::unique_lock<std::shared_mutex> lock(mutex_);
  if (files->bytes() != bytes_) throw Failure("INDEX_INVALID", "The files' rows are of another size than the index's.");
  files_ = std::move(files);
  graph->storage->reset();
}

const uint8_t* BinaryIndex::codes() const {
  if (files_ != nullptr) return files_->bits();
  if (const auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_)) return flatCodes(graph->storage);
  return flatCodes(inner_);
}

void BinaryIndex::nearest(const uint8_t* query, const IndexSearch& search, Nearest& nearest) const {
  std::shared_lock<std::shared_mutex> lock(mutex_);
  checkWhole();
  const Kernel& fast = kernel();
  if (const auto* lists = dynamic_cast<const faiss::IndexBinaryIVF*>(inner_)) {
    if (!lists->is_trained) throw Failure("INDEX_INVALID", "The IVF index is not trained; call train first.");
    searchLists(fast, {*lists, flatCodes(lists->quantizer), bytes_, search.probes, search.rows, search.pass}, query, nearest);
  } else if (const auto* graph = dynamic_cast<const faiss::IndexBinaryHNSW*>(inner_)) {
    std::unique_ptr<Seen> seen;
    {
      std::lock_guard<std::mutex> spare(spareMutex_);
      if (!spare_.empty()) {
        seen = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    if (seen == nullptr) seen = std::make_unique<Seen>();
    const Landmarks* const landmarks = search.landmarks ? &landmarks_ : nullptr;
    searchGraph(fast, {graph->hnsw, codes(), bytes_, landmarks, search.efSearch, search.rows, search.pass}, query, *seen,
                nearest);
    std::lock_guard<std::mutex> spare(spareMutex_);
    spare_.push_back(std::move(seen));
  } else {
    Nearest* const one = &nearest;
    scanFlat(query, 1, search, &one, nullptr);
  }
}

// With mutex_ held.
void BinaryIndex::scanFlat(const uint8_t* queries, size_t count, const IndexSearch& search, Nearest* const* nearest,
                           const Stop* stop) const {
  const size_t rows = std::min(static_cast<size_t>(inner_->ntotal), search.rows);
  if (!scan(kernel(), {codes(), 0, rows, bytes_, search.pass}, queries, count, nearest, stop))
    throw Failure("ABORTED", "stopped");
}

void BinaryIndex::search(const uint8_t* queries, size_t count, size_t k, const IndexSearch& search, size_t threads,
                         const Stop& stop, int32_t* distances, int64_t* labels) const {
  const bool flat = dynamic_cast<const faiss::IndexBinaryFlat*>(inner_) != nullptr;
  // As many queries a pass as leave work for every thread.
  const size_t most = flat ? std::clamp<size_t>((count + threads - 1) / threads, 1, queriesAtOnce) : 1;
  parallel((count + most - 1) / most, threads, [&](size_t part) {
    if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
    const size_t first = part * most, some = std::min(most, count - first);
    std::vector<Nearest> nearest(some, Nearest(k, bytes_));
    if (flat) {
      std::vector<Nearest*> all;
      for (Nearest& one : nearest) all.push_back(&one);
      std::shared_lock<std::shared_mutex> lock(mutex_);
      scanFlat(queries + first * bytes_, some, search, all.data(), &stop);
    } else {
      this->nearest(queries + first * bytes_, search, nearest[0]);
    }
    for (size_t i = 0; i < some; i++) give(nearest[i], k, distances + (first + i) * k, labels + (first + i) * k);
  });
}

void BinaryIndex::give(Nearest& nearest, size_t k, int32_t* distances, int64_t* labels) const {
  std::vector<uint32_t> rows(nearest.size());
  std::vector<uint16_t> found(nearest.size());
  const size_t size = nearest.finish(rows.data(), found.data());
  for (size_t i = 0; i < k; i++) {
    distances[i] = i < size ? found[i] : -1;
    labels[i] = i >= size ? -1 : ids_ == nullptr ? rows[i] : (*ids_)[rows[i]];
  }
}

}  // namespace nestbit
