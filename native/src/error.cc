// SPDX-License-Identifier: Apache-2.0
#include "error.hpp"

#include <cstring>
#include <utility>

void Fail(std::string code, std::string message) {
  throw Failure{.code = std::move(code), .message = std::move(message)};
}

std::string ErrnoText(int error) {
  const char* name = strerrorname_np(error);
  return std::string(strerror(error)) + " (" + (name ? name : std::to_string(error)) + ")";
}

void FailErrno(std::string code, std::string syscall, int error, std::string message) {
  throw Failure{.code = std::move(code),
                .message = std::move(message) + ": " + ErrnoText(error),
                .syscall = std::move(syscall),
                .error = error};
}

namespace {
void SetString(napi_env env, napi_value object, const char* name, const std::string& text) {
  napi_value value = nullptr;
  if (napi_create_string_utf8(env, text.data(), text.size(), &value) == napi_ok)
    napi_set_named_property(env, object, name, value);
}
}  // namespace

napi_value Failure::ToObject(napi_env env) const {
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok) return nullptr;
  SetString(env, object, "code", "SLUICE_NATIVE_" + code);
  SetString(env, object, "message", message);
  if (!syscall.empty()) SetString(env, object, "syscall", syscall);
  if (!log.empty()) SetString(env, object, "log", log);
  napi_value number = nullptr;
  if (error && napi_create_int32(env, error, &number) == napi_ok)
    napi_set_named_property(env, object, "errno", number);
  return object;
}

void ThrowFailure(napi_env env, const Failure& failure) {
  napi_value object = failure.ToObject(env);
  if (object) napi_throw(env, object);
}

void CallFromLoop(napi_env env, napi_ref function, size_t count, napi_value (*make)(napi_env, size_t, void*),
                  void* data) {
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callee = nullptr, receiver = nullptr, arguments[4] = {};
  bool ready = count <= 4 && napi_get_reference_value(env, function, &callee) == napi_ok && callee &&
               napi_get_global(env, &receiver) == napi_ok;
  for (size_t i = 0; ready && i < count; i++) {
    arguments[i] = make(env, i, data);
    ready = arguments[i] != nullptr;
  }
  // napi_make_callback, unlike napi_call_function, also runs the microtasks and next ticks that follow
  if (ready && napi_make_callback(env, nullptr, receiver, callee, count, arguments, nullptr) ==
                   napi_pending_exception) {
    napi_value exception = nullptr;
    bool pending = false;
    if (napi_is_exception_pending(env, &pending) == napi_ok && pending &&
        napi_get_and_clear_last_exception(env, &exception) == napi_ok && exception)
      napi_fatal_exception(env, exception);
  }
  napi_close_handle_scope(env, scope);
}
