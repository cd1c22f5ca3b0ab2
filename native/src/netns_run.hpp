// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>
#include <uv.h>

#include <atomic>
#include <optional>
#include <vector>

#include "environment.hpp"
#include "fd.hpp"
#include "netns_operation.hpp"

// One run of operations on a thread of its own, which enters the network namespace once and ends with the
// run: never the event loop's thread, nor one of libuv's pool, which would stay in the namespace. Owns
// itself; closing it waits for the thread.
class NetnsRun : public Handle {
 public:
  // `settle(failure | undefined, results | undefined)` is called on the event loop, not when the environment
  // ends.
  static void Start(Napi::Env env, UniqueFd netns, std::vector<OperationPointer> operations,
                    Napi::Function settle);

 protected:
  void OnClose() override;

 private:
  NetnsRun(Napi::Env env, UniqueFd netns, std::vector<OperationPointer> operations, Napi::Function settle);
  ~NetnsRun() override = default;
  void Launch();
  void Work();
  void Settle();
  napi_value Argument(napi_env env, size_t index);

  UniqueFd netns_;
  std::vector<OperationPointer> operations_;
  Napi::FunctionReference settle_;
  std::optional<Failure> failure_;
  uv_async_t done_{};
  pthread_t thread_{};
  bool running_ = false;
  std::atomic<bool> abandoned_ = false;  // the environment ends: leave out what has not begun
};
