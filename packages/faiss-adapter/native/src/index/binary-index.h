// A binary index of faiss, flat, IVF or HNSW: faiss's structure and file format, our loops.
#pragma once

#include <faiss/IndexBinary.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "../kernels/nearest.h"
#include "../parallel.h"
#include "../storage/code-files.h"
#include "graph.h"

namespace nestbit {

struct IndexSearch {
  size_t probes;         // IVF: lists read.
  size_t efSearch;       // HNSW: beam width.
  bool landmarks;        // HNSW: begins at the nearest landmarks, instead of where faiss does.
  size_t rows;           // Rows below this may be found: an index may hold more by now.
  const uint64_t* pass;  // Those of them that may be found, as a bitmap; null: all.
};

class BinaryIndex {
 public:
  // dimensions % 8 == 0. lists, m and efConstruction as faiss has them. Throw Failure INDEX_INVALID.
  static std::unique_ptr<BinaryIndex> flat(size_t dimensions);
  static std::unique_ptr<BinaryIndex> ivf(size_t dimensions, size_t lists);
  static std::unique_ptr<BinaryIndex> hnsw(size_t dimensions, size_t m, size_t efConstruction);
  // A file of faiss's own write_index_binary. Throws Failure INDEX_INVALID for what is none.
  static std::unique_ptr<BinaryIndex> read(const std::string& path);

  const char* kind() const;
  size_t bytes() const { return bytes_; }
  size_t rows() const { return rows_; }
  bool trained() const { return trained_; }
  // IVF: inverted lists. Others: 0.
  size_t lists() const;

  // Centroids from codes (rows, bytes); IVF only, others need none.
  void train(const uint8_t* codes, size_t rows, size_t iterations, size_t threads, const Stop& stop);

  // Appends codes (rows, bytes). After an ABORTED call an HNSW index refuses everything.
  void add(const uint8_t* codes, size_t rows, size_t threads, const Stop& stop);

  // Appends rows [rows(), rows) of a store's files. HNSW keeps no codes of its own then: it reads the files'.
  void addFrom(std::shared_ptr<const CodeFiles> files, size_t rows, size_t threads, const Stop& stop,
               const std::function<void(size_t)>& done);

  // Reads the codes of a store's files from now on and lets go of its own (HNSW; otherwise nothing happens).
  void attach(std::shared_ptr<const CodeFiles> files);

  // Offers the rows near one query. Throws for an index that is not trained.
  void nearest(const uint8_t* query, const IndexSearch& search, Nearest& nearest) const;

  // The k nearest of queries (count, bytes): distances and labels (count, k), the rest filled with -1.
  void search(const uint8_t* queries, size_t count, size_t k, const IndexSearch& search, size_t threads,
              const Stop& stop, int32_t* distances, int64_t* labels) const;

  // Writes faiss's file format, codes included.
  void write(const std::string& path) const;

 private:
  explicit BinaryIndex(std::unique_ptr<faiss::IndexBinary> index);

  // Its own codes, or those of the files.
  const uint8_t* codes() const;
  void scanFlat(const uint8_t* queries, size_t count, const IndexSearch& search, Nearest* const* nearest,
                const Stop* stop) const;
  // Writes what one query found to distances and labels (k).
  void give(Nearest& nearest, size_t k, int32_t* distances, int64_t* labels) const;
  void checkWhole() const;
  void took(size_t rows);
  void append(const uint8_t* codes, size_t from, size_t to, bool own, size_t threads, const Stop& stop,
              const std::function<void(size_t)>& done);

  std::unique_ptr<faiss::IndexBinary> index_;
  // The index itself, or that inside an id map, whose labels are then `ids`.
  faiss::IndexBinary* inner_;
  const std::vector<int64_t>* ids_ = nullptr;
  size_t bytes_;
  std::shared_ptr<const CodeFiles> files_;
  // Read without a lock, so that asking never waits for a build.
  std::atomic<size_t> rows_{0};
  std::atomic<bool> trained_{false};
  // Of its graph; taken in when the codes are there.
  Landmarks landmarks_;
  // Its graph was left half built.
  bool broken_ = false;
  // One call that changes it at a time; searches only wait for mutex_.
  std::mutex changing_;
  mutable std::shared_mutex mutex_;
  mutable std::mutex writeMutex_;
  // Marks of searches under way, for HNSW.
  mutable std::mutex spareMutex_;
  mutable std::vector<std::unique_ptr<Seen>> spare_;
};

}  // namespace nestbit
