// What a file may say wrong although it has the right length. Each throws Failure INDEX_INVALID.
#pragma once

#include <faiss/IndexBinary.h>

namespace nestbit {

// A flat, IVF or HNSW index, or an id map around one: every number that a search follows leads somewhere.
void checkIndex(const faiss::IndexBinary& index);

}  // namespace nestbit
