// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

#include <string>

// What every native function throws. At the edge it becomes a plain object
// {code, errno, syscall, message, log}; lib/error.ts turns that into a NativeError.
struct Failure {
  std::string code;  // without the SLUICE_NATIVE_ prefix: "EBPF_MAP"
  std::string message;
  std::string syscall;
  int error = 0;  // positive errno; 0: none
  std::string log;

  napi_value ToObject(napi_env env) const;
};

[[noreturn]] void Fail(std::string code, std::string message);

// "<message>: <text of error>".
[[noreturn]] void FailErrno(std::string code, std::string syscall, int error, std::string message);

// "Operation not permitted (EPERM)"
std::string ErrnoText(int error);

// Throws the failure as a JavaScript exception; for code that runs at the edge of a native call.
void ThrowFailure(napi_env env, const Failure& failure);

using NativeFunction = Napi::Value (*)(const Napi::CallbackInfo&);

// The only way in: no C++ exception leaves it, whatever the function throws.
template <NativeFunction Fn>
napi_value Enter(napi_env env, napi_callback_info callback_info) {
  try {
    Napi::CallbackInfo info(env, callback_info);
    return Fn(info);
  } catch (const Failure& failure) {
    ThrowFailure(env, failure);
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    ThrowFailure(env, Failure{.code = "EINTERNAL", .message = error.what()});
  }
  return nullptr;
}

template <NativeFunction Fn>
void Export(Napi::Object exports, const char* name) {
  napi_value function = nullptr;
  if (napi_create_function(exports.Env(), name, NAPI_AUTO_LENGTH, Enter<Fn>, nullptr, &function) == napi_ok)
    exports.Set(name, function);
}

// Calls into JavaScript from a libuv callback. An exception reaches process 'uncaughtException'; while the
// environment is ending nothing is called. Needs no open handle scope.
void CallFromLoop(napi_env env, napi_ref function, size_t count, napi_value (*make)(napi_env, size_t, void*),
                  void* data);
