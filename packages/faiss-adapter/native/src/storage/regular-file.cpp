#include "regular-file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "../failure.h"

namespace nestbit {
namespace {

const char* kindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  return S_ISSOCK(mode) ? "a socket" : "a device";
}

}  // namespace

int openRegular(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) {
    const std::string why = std::strerror(errno);
    if (file >= 0) close(file);
    throw Failure("FILE_NOT_FOUND", path + " cannot be opened: " + why + ".");
  }
  if (S_ISREG(status.st_mode)) return file;
  close(file);
  throw Failure("FILE_NOT_FOUND", path + " is " + kindOf(status.st_mode) + ", not a file.");
}

}  // namespace nestbit
