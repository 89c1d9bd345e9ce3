// An error that names itself to JavaScript.
#pragma once

#include <stdexcept>
#include <string>

namespace nestbit {

// `code` becomes the code of the NestbitError: "STORE_DAMAGED", "INDEX_INVALID", "ABORTED", ...
struct Failure : std::runtime_error {
  Failure(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
  const char* code;
};

}  // namespace nestbit
