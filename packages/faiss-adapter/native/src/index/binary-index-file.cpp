// Reading and writing of faiss's own file format.
#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexBinaryHNSW.h>
#include <faiss/IndexBinaryIVF.h>
#include <faiss/index_io.h>

#include <cstring>

#include "../failure.h"
#include "binary-index.h"
#include "index-checks.h"
#include "index-streams.h"

namespace nestbit {

std::unique_ptr<BinaryIndex> BinaryIndex::read(const std::string& path) {
  const auto refused = [&path](const char* why) {
    return Failure("INDEX_INVALID", path + " is no binary index that can be read: " + why + ".");
  };
  try {
    CheckedReader reader(path);
    std::unique_ptr<faiss::IndexBinary> index(faiss::read_index_binary(&reader));
    checkIndex(*index);
    auto result = std::unique_ptr<BinaryIndex>(new BinaryIndex(std::move(index)));
    // It would not learn of added rows.
    if (auto* lists = dynamic_cast<faiss::IndexBinaryIVF*>(result->inner_))
      lists->set_direct_map_type(faiss::DirectMap::NoMap);
    return result;
  } catch (const Failure& failure) {
    if (std::strcmp(failure.code, "INDEX_INVALID") != 0) throw;
    throw refused(failure.what());
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw refused(error.what());
  }
}

void BinaryIndex::write(const std::string& path) const {
  // Searches go on: with files attached, none looks at the graph's own storage.
  std::shared_lock<std::shared_mutex> lock(mutex_);
  std::lock_guard<std::mutex> writing(writeMutex_);
  checkWhole();
  auto* graph = dynamic_cast<faiss::IndexBinaryHNSW*>(inner_);
  const bool lend = graph != nullptr && files_ != nullptr;
  try {
    if (lend) graph->storage->add(graph->ntotal, files_->bits());
    if (lend) files_->checkReadable();
    AtomicWriter writer(path);
    faiss::write_index_binary(index_.get(), &writer);
    writer.commit();
  } catch (const Failure&) {
    if (lend) graph->storage->reset();
    throw;
  } catch (const std::exception& error) {
    if (lend) graph->storage->reset();
    throw Failure("FILE_WRITE", path + " cannot be written: " + error.what());
  }
  if (lend) graph->storage->reset();
}

}  // namespace nestbit
