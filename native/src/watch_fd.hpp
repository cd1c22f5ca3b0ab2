// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <uv.h>

#include <functional>

#include "environment.hpp"

// Calls `on_readable` on the event loop whenever `fd` is readable or has an error, until Stop(). The
// descriptor stays its owner's, who stops the watch before closing it.
class FdWatch {
 public:
  FdWatch() = default;
  ~FdWatch() { Stop(); }
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  void Start(std::shared_ptr<Environment> environment, int fd, std::function<void()> on_readable);
  void Stop();
  bool started() const { return state_ != nullptr; }

 private:
  // Outlives Stop(): libuv gives the handle back in a later turn of the loop.
  struct State {
    uv_poll_t poll;
    std::shared_ptr<Environment> environment;
    std::function<void()> on_readable;
  };
  static void OnPoll(uv_poll_t* poll, int status, int events);
  State* state_ = nullptr;
};
