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

size_t BinaryIndex::rows() const {
  std::shared_lock<std::shared_mutex> lock(mutex_);
  return static_cast<size_t>(inner_->ntotal);
}

bool BinaryIndex::trained() const {
  std::shared_lock<std::shared_mutex> lock(mutex_);
  return inner_->is_trained;
}

void BinaryIndex::train(const uint8_t* codes, size_t rows, size_t iterations, size_t threads, const Stop& stop) {
  auto* lists = dynamic_cast<faiss::IndexBinaryIVF*>(inner_);
  if (lists == nullptr) return;
  const std::vector<uint8_t> centroids = kMajority(codes, rows, bytes_, lists->nlist, iterations, threads, stop);
  std::unique_lock<std::shared_mutex> lock(mutex_);
  if (lists->ntotal > 0) throw Failure("INDEX_INVALID", "An index that holds rows cannot be trained again.");
  lists->quantizer->reset();
  lists->quantizer->add(static_cast<int64_t>(lists->nlist), centroids.data());
  lists->is_trained = true;
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
    lists->ntotal = static_cast<int64_t>(to);
  } else if (auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_)) {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    if (own) graph->storage->add(static_cast<int64_t>(to - from), codes);
    addToGraph(graph->hnsw, this->codes(), to, bytes_, threads, stop, done);
    graph->ntotal = static_cast<int64_t>(to);
    return;
  } else {
    std::unique_lock<std::shared_mutex> lock(mutex_);
    inner_->add(static_cast<int64_t>(to - from), codes);
  }
  done(to - from);
}

void BinaryIndex::add(const uint8_t* codes, size_t rows, size_t threads, const Stop& stop) {
  if (ids_ != nullptr) throw Failure("INDEX_INVALID", "An index with an id map is read only here.");
  if (rows == 0) return;
  append(codes, this->rows(), this->rows() + rows, true, threads, stop, [](size_t) {});
}

void BinaryIndex::addFrom(std::shared_ptr<const CodeFiles> files, size_t rows, size_t threads, const Stop& stop,
                          const std::function<void(size_t)>& done) {
  attach(files);
  const size_t first = this->rows();
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
  const Kernel& fast = kernel();
  if (const auto* lists = dynamic_cast<const faiss::IndexBinaryIVF*>(inner_)) {
    if (!lists->is_trained) throw Failure("INDEX_INVALID", "The IVF index is not trained; call train first.");
    searchLists(fast, {*lists, flatCodes(lists->quantizer), bytes_, search.probes, search.pass}, query, nearest);
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
    searchGraph(fast, {graph->hnsw, codes(), bytes_, search.efSearch, search.pass}, query, *seen, nearest);
    std::lock_guard<std::mutex> spare(spareMutex_);
    spare_.push_back(std::move(seen));
  } else {
    Nearest* const one = &nearest;
    scan(fast, {codes(), 0, static_cast<size_t>(inner_->ntotal), bytes_, search.pass}, query, 1, &one, nullptr);
  }
}

void BinaryIndex::search(const uint8_t* queries, size_t count, size_t k, const IndexSearch& search, size_t threads,
                         const Stop& stop, int32_t* distances, int64_t* labels) const {
  parallel(count, threads, [&](size_t query) {
    if (stop.load(std::memory_order_relaxed) != 0) throw Failure("ABORTED", "stopped");
    Nearest nearest(k, bytes_);
    this->nearest(queries + query * bytes_, search, nearest);
    std::vector<uint32_t> rows(nearest.size());
    std::vector<uint16_t> found(nearest.size());
    const size_t size = nearest.finish(rows.data(), found.data());
    for (size_t i = 0; i < k; i++) {
      distances[query * k + i] = i < size ? found[i] : -1;
      labels[query * k + i] = i >= size ? -1 : ids_ == nullptr ? rows[i] : (*ids_)[rows[i]];
    }
  });
}

}  // namespace nestbit
