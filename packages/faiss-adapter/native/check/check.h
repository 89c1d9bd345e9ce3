// The parts of the check. Each counts its faults by expect().
#pragma once

#include "../src/kernels/kernel.h"

// Hamming distances of a kernel, in all three forms, and its comparison with a limit.
void checkDistances(const nestbit::Kernel& kernel);
// Its refine and rescore sums.
void checkScores(const nestbit::Kernel& kernel);
// The scores of rows that are made of them.
void checkRowScores(const nestbit::Kernel& kernel);
// Its exhaustive scan: ranges, filters, ties, cancelling.
void checkScan(const nestbit::Kernel& kernel);
// The bounded structure of nearest rows.
void checkNearest();
// The choice of a kernel.
void checkChoice();
