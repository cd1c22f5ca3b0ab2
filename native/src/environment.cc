// SPDX-License-Identifier: Apache-2.0
#include "environment.hpp"

#include "argument.hpp"

Handle::Handle(Napi::Env env) : environment_(Environment::Of(env)) {
  environment_->handles_.push_back(this);
  position_ = std::prev(environment_->handles_.end());
}

// Not closed: a derived constructor threw, and there is nothing to close yet.
Handle::~Handle() {
  if (!closed_) environment_->handles_.erase(position_);
}

void Handle::Close() {
  if (closed_) return;
  closed_ = true;
  environment_->handles_.erase(position_);
  OnClose();
  self_.Reset();
}

namespace {
// Instance data; handles share it because finalizers may run after the instance data's own.
struct Slot {
  std::shared_ptr<Environment> environment;
};

struct ClosingHandle {
  std::shared_ptr<Environment> environment;
  void (*closed)(uv_handle_t*);
  void* data;
};
}  // namespace

void Environment::Install(Napi::Env env) {
  std::shared_ptr<Environment> environment(new Environment(env));
  if (napi_get_uv_event_loop(env, &environment->loop_) != napi_ok) Fail("EINTERNAL", "no event loop");
  env.SetInstanceData(new Slot{environment});
  // The environment lives until the hook ran: a raw pointer is enough.
  napi_add_async_cleanup_hook(
      env,
      [](napi_async_cleanup_hook_handle hook, void* data) { static_cast<Environment*>(data)->End(hook); },
      environment.get(), nullptr);
}

std::shared_ptr<Environment> Environment::Of(Napi::Env env) {
  return env.GetInstanceData<Slot>()->environment;
}

void Environment::CloseLoopHandle(uv_handle_t* handle, void (*closed)(uv_handle_t*)) {
  BeginRequest();
  handle->data = new ClosingHandle{shared_from_this(), closed, handle->data};
  uv_close(handle, [](uv_handle_t* closing) {
    std::unique_ptr<ClosingHandle> state(static_cast<ClosingHandle*>(closing->data));
    closing->data = state->data;
    state->closed(closing);
    state->environment->EndRequest();
  });
}

void Environment::EndRequest() {
  pending_--;
  FinishIfIdle();
}

void Environment::End(napi_async_cleanup_hook_handle hook) {
  ending_ = true;
  hook_ = hook;
  while (!handles_.empty()) handles_.back()->Close();
  FinishIfIdle();
}

void Environment::FinishIfIdle() {
  if (!ending_ || pending_ > 0 || !hook_) return;
  napi_async_cleanup_hook_handle hook = hook_;
  hook_ = nullptr;
  napi_remove_async_cleanup_hook(hook);
}

void FailHandle(const char* expected, const char* name, const Napi::Value& value) {
  FailArgument(expected, name, value);
}

void FailClosed(const char* what) { Fail("ECLOSED", std::string("the ") + what + " is closed"); }
