#include "parallel.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "failure.h"

namespace nestbit {
namespace {

class Pool {
 public:
  Pool() : size_(std::max(1u, std::thread::hardware_concurrency())) {}

  size_t size() const { return size_; }

  void post(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(std::move(work));
      if (queue_.size() > idle_ && threads_.size() < size_) startThread();
    }
    wake_.notify_one();
  }

  void use() {
    std::lock_guard<std::mutex> lock(using_);
    users_++;
  }

  void leave() {
    std::lock_guard<std::mutex> lock(using_);
    if (--users_ > 0) return;
    std::vector<std::thread> threads;
    {
      std::lock_guard<std::mutex> inner(mutex_);
      ending_ = true;
      threads.swap(threads_);
    }
    wake_.notify_all();
    for (std::thread& thread : threads) thread.join();
    ending_ = false;
  }

 private:
  // With mutex_ held.
  void startThread() {
    try {
      threads_.emplace_back([this] { loop(); });
    } catch (const std::exception& error) {
      // Those that are there do the work; without any, it would wait for ever.
      if (!threads_.empty()) return;
      queue_.pop_back();
      throw Failure("THREAD_LIMIT", std::string("The system starts no thread (") + error.what() +
                                        "); raise the limit of processes (ulimit -u) or of memory.");
    }
  }

  void loop() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        idle_++;
        wake_.wait(lock, [this] { return !queue_.empty() || ending_; });
        idle_--;
        if (queue_.empty()) return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  const size_t size_;
  // Held while environments come and go.
  std::mutex using_;
  size_t users_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool ending_ = false;
};

// Never destroyed: exit() does not wait for its threads.
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

void usePool() { pool().use(); }

void leavePool() { pool().leave(); }

void parallel(size_t count, size_t threads, const std::function<void(size_t)>& run) {
  const size_t helpers = std::min(std::min(threads, poolSize()), count) - (count == 0 ? 0 : 1);
  if (helpers == 0 || count < 2) {
    for (size_t i = 0; i < count; i++) run(i);
    return;
  }
  const auto share = std::make_shared<Share>();
  share->count = count;
  const auto help = [share, &run] {
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
  };
  try {
    for (size_t i = 0; i < helpers; i++) post(help);
  } catch (const std::exception&) {
    // No thread or no memory for one more helper: this thread does the rest.
  }
  take(*share, run);
  std::unique_lock<std::mutex> lock(share->mutex);
  share->closed = true;
  share->ended.wait(lock, [&] { return share->running == 0; });
  if (share->error) std::rethrow_exception(share->error);
}

}  // namespace nestbit
