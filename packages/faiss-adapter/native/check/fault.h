// Faults are counted and printed; the program ends with how many there were.
#pragma once

#include <cstdarg>
#include <cstdio>

inline int faults = 0;

__attribute__((format(printf, 2, 3))) inline void expect(bool holds, const char* format, ...) {
  if (holds) return;
  if (++faults > 20) return;
  std::va_list list;
  va_start(list, format);
  std::printf("FAULT: ");
  std::vprintf(format, list);
  std::printf("\n");
  va_end(list);
}
