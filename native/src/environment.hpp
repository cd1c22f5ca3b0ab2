// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>
#include <uv.h>

#include <list>
#include <memory>
#include <string>

#include "error.hpp"

class Environment;

// Something JavaScript holds that must be closed. A child keeps nothing of its parent but file descriptors
// of its own, and is always made after it: the registry closes in reverse order of making.
class Handle {
 public:
  explicit Handle(Napi::Env env);
  virtual ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  // Idempotent.
  void Close();
  bool closed() const { return closed_; }
  // A handle with work in the event loop stays reachable until it is closed.
  void KeepReachable(Napi::Object self) { self_ = Napi::Persistent(self); }

 protected:
  // Called once. Derived destructors call Close().
  virtual void OnClose() = 0;
  Environment& environment() { return *environment_; }
  const std::shared_ptr<Environment>& shared_environment() { return environment_; }

 private:
  std::shared_ptr<Environment> environment_;
  std::list<Handle*>::iterator position_;
  Napi::ObjectReference self_;
  bool closed_ = false;
};

// State of one JavaScript environment (main thread or worker).
class Environment : public std::enable_shared_from_this<Environment> {
 public:
  static void Install(Napi::Env env);
  static std::shared_ptr<Environment> Of(Napi::Env env);

  // The environment does not end before `closed` ran and the libuv handle's memory is free again.
  void CloseLoopHandle(uv_handle_t* handle, void (*closed)(uv_handle_t*));
  // Nor between these two, which belong around a request whose callback is still to come.
  void BeginRequest() { pending_++; }
  void EndRequest();
  bool ending() const { return ending_; }
  uv_loop_t* loop() const { return loop_; }
  napi_env env() const { return env_; }

 private:
  friend class Handle;
  explicit Environment(napi_env env) : env_(env) {}
  void End(napi_async_cleanup_hook_handle hook);
  void FinishIfIdle();

  napi_env env_;
  uv_loop_t* loop_ = nullptr;
  std::list<Handle*> handles_;
  size_t pending_ = 0;  // loop handles that are closing, requests under way
  bool ending_ = false;
  napi_async_cleanup_hook_handle hook_ = nullptr;
};

[[noreturn]] void FailHandle(const char* expected, const char* name, const Napi::Value& value);
[[noreturn]] void FailClosed(const char* what);

// Gives `handle` to JavaScript as an opaque object, collected with it. T::kTag and T::kName identify the class.
template <class T>
Napi::Object WrapHandle(Napi::Env env, std::unique_ptr<T> handle) {
  Napi::Object object = Napi::Object::New(env);
  object.TypeTag(&T::kTag);
  T* raw = handle.release();
  napi_status status = napi_wrap(
      env, object, raw, [](napi_env, void* data, void*) { delete static_cast<T*>(data); }, nullptr, nullptr);
  if (status != napi_ok) {
    delete raw;
    Fail("EINTERNAL", "cannot wrap a native handle");
  }
  return object;
}

// The handle behind `value`, closed or not.
template <class T>
T& PeekHandle(const Napi::Value& value, const char* name) {
  void* raw = nullptr;
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&T::kTag) ||
      napi_unwrap(value.Env(), value, &raw) != napi_ok)
    FailHandle(T::kName, name, value);
  return *static_cast<T*>(raw);
}

template <class T>
T& UnwrapHandle(const Napi::Value& value, const char* name) {
  T& handle = PeekHandle<T>(value, name);
  if (handle.closed()) FailClosed(T::kName);
  return handle;
}

// The export `closeX(handle)` of every class.
template <class T>
Napi::Value CloseHandle(const Napi::CallbackInfo& info) {
  PeekHandle<T>(info[0], "handle").Close();
  return info.Env().Undefined();
}
