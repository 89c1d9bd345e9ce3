// Work on threads of our own: libuv's few are left to files and DNS.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>

namespace nestbit {

// What every long computation looks at: not 0 means stop.
using Stop = std::atomic<int>;

// Queues work for a pool thread; there are up to as many as processors, shared by the process and started when they
// are needed. Throws Failure THREAD_LIMIT when there is none and the system starts none.
void post(std::function<void()> work);

// Threads that the pool may have.
size_t poolSize();

// Each environment uses the pool from its start to its end. The threads end with the last of them: Node may unload
// the code that they run.
void usePool();
void leavePool();

// Runs run(0) … run(count - 1), on the calling thread and up to threads - 1 others, and waits for all of them.
// The first exception is thrown here after the others have ended.
void parallel(size_t count, size_t threads, const std::function<void(size_t)>& run);

}  // namespace nestbit
