// Opening files without waiting: a named pipe in place of a file would hold a thread until somebody writes to it.
#pragma once

#include <string>

namespace nestbit {

// A descriptor of a regular file for reading. Throws Failure FILE_NOT_FOUND for what is missing or something else.
int openRegular(const std::string& path);

}  // namespace nestbit
