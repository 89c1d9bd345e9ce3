#include "index-layout.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "../failure.h"

namespace nestbit {
namespace {

constexpr uint64_t mostLists = UINT32_MAX;
// faiss numbers rows by int32 in its graphs, and we by uint32.
constexpr int64_t mostRows = UINT32_MAX;

constexpr uint32_t named(const char (&name)[5]) {
  return static_cast<uint32_t>(name[0]) | static_cast<uint32_t>(name[1]) << 8 | static_cast<uint32_t>(name[2]) << 16 |
         static_cast<uint32_t>(name[3]) << 24;
}

void check(bool holds, const char* what) {
  if (!holds) throw Failure("INDEX_INVALID", what);
}

// Of every index in the file.
struct Header {
  uint32_t name;
  int32_t dimensions, codeSize;
  int64_t rows;
  uint8_t trained;
  int32_t metric;
};

// The functions are named as the reading functions of faiss (impl/index_read.cpp), which they follow.
class Walk {
 public:
  Walk(FILE* file, uint64_t size) : file_(file), size_(size) {}

  void index() {
    const Header header = indexHeader();
    const bool map = header.name == named("IBMp") || header.name == named("IBM2");
    if (!map) return inner(header);
    const Header mapped = indexHeader();
    check(mapped.name != named("IBMp") && mapped.name != named("IBM2"), "an id map is in an id map");
    check(mapped.dimensions == header.dimensions, "its parts differ in dimensions");
    check(mapped.rows == header.rows, "its id map and the index in it differ in rows");
    inner(mapped);
    check(vector(sizeof(int64_t)) == static_cast<uint64_t>(header.rows), "its id map is not as long as its rows");
  }

  std::vector<LayoutPiece> pieces() { return std::move(pieces_); }

 private:
  void inner(const Header& header) {
    check(header.codeSize == header.dimensions / 8, "its codes are not of its dimensions");
    if (header.name == named("IBxF")) return codes(header);
    if (header.name == named("IBwF")) return lists(header);
    check(header.name == named("IBHf"), "it is neither flat nor IVF or HNSW");
    graph(header);
  }

  void codes(const Header& header) {
    check(vector(1) == static_cast<uint64_t>(header.rows) * static_cast<uint64_t>(header.codeSize),
          "its codes are not as many as its rows");
  }

  // Codes of which another index makes use.
  Header flat(const Header& outer) {
    const Header header = indexHeader();
    check(header.name == named("IBxF"), "its codes are not flat");
    check(header.dimensions == outer.dimensions, "its parts differ in dimensions");
    inner(header);
    return header;
  }

  void graph(const Header& header) {
    const auto rows = static_cast<uint64_t>(header.rows);
    vector(sizeof(double));
    vector(sizeof(int32_t));
    check(vector(sizeof(int32_t)) == rows, "its levels are not as many as its rows");
    check(vector(sizeof(uint64_t)) == rows + 1, "its links are not where its rows are");
    vector(sizeof(int32_t));
    // Entry, top level, two beam widths, and one that faiss no longer uses.
    skip(5, sizeof(int32_t));
    check(flat(header).rows == header.rows, "its graph and its codes differ in rows");
  }

  void lists(const Header& header) {
    const auto count = value<uint64_t>();
    value<uint64_t>();  // Lists that faiss reads for a query.
    check(count > 0 && count <= mostLists, "it has no lists, or too many");
    const Header centroids = flat(header);
    check(!header.trained || static_cast<uint64_t>(centroids.rows) == count, "it lacks centroids");
    const auto map = value<uint8_t>();
    check(map <= 2, "its map of rows is of no known kind");
    vector(sizeof(int64_t));
    if (map == 2) vector(2 * sizeof(int64_t));

    check(value<uint32_t>() == named("ilar"), "its lists are in another file, or of another kind");
    check(value<uint64_t>() == count, "its lists are not as many as it says");
    check(value<uint64_t>() == static_cast<uint64_t>(header.codeSize), "its codes are of another size");
    const auto layout = value<uint32_t>();
    const bool sparse = layout == named("sprs");
    check(sparse || layout == named("full"), "the sizes of its lists are of no known form");
    const std::vector<uint64_t> sizes = listSizes(count, sparse);
    uint64_t rows = 0;
    for (size_t i = sparse ? 1 : 0; i < sizes.size(); i += sparse ? 2 : 1) {
      check(sizes[i] <= static_cast<uint64_t>(header.rows) - rows, "its lists hold more than its rows");
      rows += sizes[i];
    }
    check(rows == static_cast<uint64_t>(header.rows), "its lists do not hold its rows");
    skip(rows, static_cast<uint64_t>(header.codeSize) + sizeof(int64_t));
  }

  // One a list, or pairs of a list and its size.
  std::vector<uint64_t> listSizes(uint64_t lists, bool sparse) {
    const uint64_t count = counted(sizeof(uint64_t));
    check(sparse ? count % 2 == 0 : count == lists, "the sizes of its lists are not as many as its lists");
    std::vector<uint64_t> sizes(count);
    read(sizes.data(), count * sizeof(uint64_t));
    if (!sparse) return sizes;
    for (size_t i = 0; i < sizes.size(); i += 2)
      check(sizes[i] < lists && (i == 0 || sizes[i] > sizes[i - 2]), "a size is that of no list");
    return sizes;
  }

  Header indexHeader() {
    Header header{};
    header.name = value<uint32_t>();
    check((header.name & 0xffff) == ('I' | 'B' << 8), at_ == 4 ? "it starts like none" : "a part of it is no index");
    header.dimensions = value<int32_t>();
    header.codeSize = value<int32_t>();
    header.rows = value<int64_t>();
    header.trained = value<uint8_t>();
    header.metric = value<int32_t>();
    // faiss reads this byte into a bool, which would be neither true nor false.
    check(header.trained <= 1, "whether it is trained is neither true nor false");
    check(header.dimensions > 0 && header.dimensions % 8 == 0 && header.dimensions <= 65528,
          "its dimensions are no multiple of 8 up to 65528");
    check(header.rows >= 0 && header.rows <= mostRows, "its rows are fewer than none, or too many");
    return header;
  }

  // Passes over an array with its length in front of it; returns the length.
  uint64_t vector(uint64_t valueSize) {
    const uint64_t count = counted(valueSize);
    skip(count, valueSize);
    return count;
  }

  uint64_t counted(uint64_t valueSize) {
    const auto count = value<uint64_t>();
    checkFits(count, valueSize);
    return count;
  }

  void checkFits(uint64_t count, uint64_t valueSize) const {
    if (count > (size_ - at_) / valueSize) {
      throw Failure("INDEX_INVALID", "it counts " + std::to_string(count) + " values of " + std::to_string(valueSize) +
                                         " bytes at " + std::to_string(at_) + ", and has " + std::to_string(size_) +
                                         " bytes");
    }
  }

  void skip(uint64_t count, uint64_t valueSize) {
    checkFits(count, valueSize);
    at_ += count * valueSize;
  }

  template <typename T>
  T value() {
    T result;
    read(&result, sizeof(T));
    return result;
  }

  void read(void* to, uint64_t bytes) {
    checkFits(bytes, 1);
    LayoutPiece piece{at_, std::vector<uint8_t>(bytes)};
    if (fseeko(file_, static_cast<off_t>(at_), SEEK_SET) != 0 ||
        (bytes > 0 && std::fread(piece.bytes.data(), bytes, 1, file_) != 1))
      throw Failure("INDEX_INVALID", "it cannot be read at " + std::to_string(at_) + ": " + std::strerror(errno));
    if (bytes > 0) std::memcpy(to, piece.bytes.data(), bytes);
    at_ += bytes;
    pieces_.push_back(std::move(piece));
  }

  FILE* file_;
  const uint64_t size_;
  uint64_t at_ = 0;
  std::vector<LayoutPiece> pieces_;
};

}  // namespace

std::vector<LayoutPiece> checkLayout(FILE* file, uint64_t size) {
  Walk walk(file, size);
  walk.index();
  return walk.pieces();
}

}  // namespace nestbit
