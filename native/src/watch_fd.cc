// SPDX-License-Identifier: Apache-2.0
#include "watch_fd.hpp"

void FdWatch::Start(std::shared_ptr<Environment> environment, int fd, std::function<void()> on_readable) {
  auto state = std::make_unique<State>(uv_poll_t{}, std::move(environment), std::move(on_readable));
  if (int status = uv_poll_init(state->environment->loop(), &state->poll, fd))
    FailErrno("EINTERNAL", "epoll_ctl", -status, "cannot watch a file descriptor");
  state_ = state.release();
  state_->poll.data = state_;
  uv_poll_start(&state_->poll, UV_READABLE, OnPoll);
}

void FdWatch::OnPoll(uv_poll_t* poll, int status, int) {
  static_cast<State*>(poll->data)->on_readable();
  // An error of the socket (a netlink overflow, a reset) is the owner's to read, and need not be the end.
  // libuv stops polling at the first one and calls it EBADF.
  if (status < 0 && !uv_is_closing(reinterpret_cast<uv_handle_t*>(poll)))
    uv_poll_start(poll, UV_READABLE, OnPoll);
}

void FdWatch::Stop() {
  if (!state_) return;
  State* state = std::exchange(state_, nullptr);
  uv_poll_stop(&state->poll);
  state->environment->CloseLoopHandle(reinterpret_cast<uv_handle_t*>(&state->poll),
                                      [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}
