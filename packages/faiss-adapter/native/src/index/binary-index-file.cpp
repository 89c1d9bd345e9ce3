// faiss's own file format, read with care: its sizes are checked against the file before memory is asked for.
#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryHNSW.h>
#include <faiss/IndexBinaryIVF.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>
#include <faiss/invlists/InvertedLists.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstring>

#include "../failure.h"
#include "binary-index.h"

namespace nestbit {
namespace {

// Every 64-bit number of the format is a count of rows or of stored values, but for this one of faiss's headers.
constexpr uint64_t faissDummy = 1 << 20;

class CheckedReader : public faiss::IOReader {
 public:
  explicit CheckedReader(const std::string& path) : file_(std::fopen(path.c_str(), "rb"), std::fclose) {
    struct stat status;
    if (file_ == nullptr || stat(path.c_str(), &status) != 0)
      throw Failure("FILE_NOT_FOUND", path + " cannot be opened: " + std::strerror(errno) + ".");
    size_ = static_cast<uint64_t>(status.st_size);
  }

  size_t operator()(void* to, size_t size, size_t count) override {
    const size_t got = std::fread(to, size, count, file_.get());
    uint64_t value = 0;
    if (size == 8 && count == 1 && got == 1) std::memcpy(&value, to, 8);
    // A lone 64-bit value after the count 1 may be anything.
    if (previous_ != 1 && value > size_ && value != faissDummy)
      throw Failure("INDEX_INVALID", "it counts " + std::to_string(value) + " values in " + std::to_string(size_) + " bytes");
    previous_ = value;
    return got;
  }

 private:
  std::unique_ptr<FILE, int (*)(FILE*)> file_;
  uint64_t size_ = 0;
  uint64_t previous_ = 0;
};

void check(bool holds, const char* what) {
  if (!holds) throw Failure("INDEX_INVALID", what);
}

void checkGraph(const faiss::IndexBinaryHNSW& index) {
  const faiss::HNSW& graph = index.hnsw;
  const auto rows = static_cast<size_t>(index.ntotal);
  check(index.storage != nullptr && index.storage->ntotal == index.ntotal, "its graph and its codes differ in rows");
  check(graph.levels.size() == rows && graph.offsets.size() == rows + 1, "its graph and its rows differ");
  check(graph.offsets.back() <= graph.neighbors.size(), "its links end early");
  check(graph.entry_point < static_cast<int64_t>(rows) && (rows == 0 || graph.entry_point >= 0), "its entry is no row");
  for (size_t row = 0; row < rows; row++) {
    check(graph.levels[row] > 0 && static_cast<size_t>(graph.levels[row]) < graph.cum_nneighbor_per_level.size(),
          "a level is out of range");
    check(graph.offsets[row + 1] - graph.offsets[row] ==
              static_cast<size_t>(graph.cum_nneighbor_per_level[static_cast<size_t>(graph.levels[row])]),
          "its links are not where its levels say");
  }
  check(rows == 0 || graph.max_level == graph.levels[static_cast<size_t>(graph.entry_point)] - 1, "its top level is wrong");
  for (size_t i = 0; i < graph.neighbors.size(); i++)
    check(graph.neighbors[i] >= -1 && graph.neighbors[i] < static_cast<int64_t>(rows), "a link leads nowhere");
}

void checkLists(const faiss::IndexBinaryIVF& index) {
  check(index.quantizer != nullptr && index.invlists != nullptr, "it lacks its lists");
  check(static_cast<size_t>(index.quantizer->ntotal) == index.nlist || !index.is_trained, "it lacks centroids");
  check(index.invlists->nlist == index.nlist, "its lists are not as many as it says");
  check(index.invlists->code_size == static_cast<size_t>(index.code_size), "its codes are of another size");
  for (size_t list = 0; list < index.nlist; list++) {
    const faiss::InvertedLists::ScopedIds ids(index.invlists, list);
    for (size_t i = 0; i < index.invlists->list_size(list); i++)
      check(ids[i] >= 0 && ids[i] < (int64_t{1} << 32), "an id is not a row number below 2^32");
  }
}

void checkFlat(const faiss::IndexBinaryFlat& index) {
  check(index.xb.size() == static_cast<size_t>(index.ntotal) * static_cast<size_t>(index.code_size),
        "its codes are not as many as its rows");
}

}  // namespace

std::unique_ptr<BinaryIndex> BinaryIndex::read(const std::string& path) {
  try {
    CheckedReader reader(path);
    std::unique_ptr<faiss::IndexBinary> index(faiss::read_index_binary(&reader));
    check(index->d > 0 && index->d % 8 == 0 && index->d <= 65528, "its dimensions are no multiple of 8 up to 65528");
    auto result = std::unique_ptr<BinaryIndex>(new BinaryIndex(std::move(index)));
    if (const auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(result->inner_)) {
      checkFlat(static_cast<const faiss::IndexBinaryFlat&>(*graph->storage));
      checkGraph(*graph);
    } else if (const auto* lists = dynamic_cast<faiss::IndexBinaryIVF*>(result->inner_)) {
      checkFlat(static_cast<const faiss::IndexBinaryFlat&>(*lists->quantizer));
      checkLists(*lists);
    } else {
      checkFlat(static_cast<const faiss::IndexBinaryFlat&>(*result->inner_));
    }
    check(result->ids_ == nullptr || result->ids_->size() == result->rows(), "its id map is not as long as its rows");
    return result;
  } catch (const Failure& failure) {
    if (std::strcmp(failure.code, "INDEX_INVALID") != 0) throw;
    throw Failure("INDEX_INVALID", path + " is no binary index that can be read: " + failure.what() + ".");
  } catch (const std::exception& error) {
    throw Failure("INDEX_INVALID", path + " is no binary index that can be read: " + error.what());
  }
}

void BinaryIndex::write(const std::string& path) const {
  // Searches go on: with files attached, none looks at the graph's own storage.
  std::shared_lock<std::shared_mutex> lock(mutex_);
  std::lock_guard<std::mutex> writing(writeMutex_);
  auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_);
  const bool lend = graph != nullptr && files_ != nullptr;
  if (lend) graph->storage->add(graph->ntotal, files_->bits());
  try {
    faiss::write_index_binary(index_.get(), path.c_str());
  } catch (const std::exception& error) {
    if (lend) graph->storage->reset();
    throw Failure("FILE_WRITE", path + " cannot be written: " + error.what());
  }
  if (lend) graph->storage->reset();
}

}  // namespace nestbit
