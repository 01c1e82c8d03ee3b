// Hands things to other threads, any of which may take the next.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace netmem {

template <class T>
class Channel {
 public:
  void send(T item) {
    {
      const std::scoped_lock lock(mutex_);
      queue_.push_back(std::move(item));
    }
    changed_.notify_one();
  }
  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }
  // Waits for the next; false when there is none to come.
  bool receive(T& item) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return false;
    item = std::move(queue_.front());
    queue_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> queue_;
  bool closed_ = false;
};

}  // namespace netmem
