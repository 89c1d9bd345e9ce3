#include "parallel.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

namespace nestbit {
namespace {

class Pool {
 public:
  Pool() : size_(std::max(1u, std::thread::hardware_concurrency())) {
    for (size_t i = 0; i < size_; i++) std::thread([this] { loop(); }).detach();
  }

  size_t size() const { return size_; }

  void post(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(std::move(work));
    }
    wake_.notify_one();
  }

 private:
  void loop() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return !queue_.empty(); });
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  const size_t size_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
};

// Never destroyed: its threads may outlive main.
Pool& pool() {
  static Pool* const shared = new Pool();
  return *shared;
}

// Shared with the pool's threads, which may look at it after the caller has gone on.
struct Share {
  std::atomic<size_t> next{0};
  size_t count = 0;
  size_t running = 0;
  bool closed = false;
  std::exception_ptr error;
  std::mutex mutex;
  std::condition_variable ended;
};

void take(Share& share, const std::function<void(size_t)>& run) {
  try {
    for (size_t i; (i = share.next.fetch_add(1)) < share.count;) run(i);
  } catch (...) {
    share.next.store(share.count);
    std::lock_guard<std::mutex> lock(share.mutex);
    if (!share.error) share.error = std::current_exception();
  }
}

}  // namespace

void post(std::function<void()> work) { pool().post(std::move(work)); }

size_t poolSize() { return pool().size(); }

void parallel(size_t count, size_t threads, const std::function<void(size_t)>& run) {
  const size_t helpers = std::min(std::min(threads, poolSize()), count) - (count == 0 ? 0 : 1);
  if (helpers == 0 || count < 2) {
    for (size_t i = 0; i < count; i++) run(i);
    return;
  }
  const auto share = std::make_shared<Share>();
  share->count = count;
  for (size_t i = 0; i < helpers; i++) {
    post([share, &run] {
      {
        // A helper that starts when all is done must not touch `run`, which is gone.
        std::lock_guard<std::mutex> lock(share->mutex);
        if (share->closed) return;
        share->running++;
      }
      take(*share, run);
      std::lock_guard<std::mutex> lock(share->mutex);
      share->running--;
      share->ended.notify_all();
    });
  }
  take(*share, run);
  std::unique_lock<std::mutex> lock(share->mutex);
  share->closed = true;
  share->ended.wait(lock, [&] { return share->running == 0; });
  if (share->error) std::rethrow_exception(share->error);
}

}  // namespace nestbit
