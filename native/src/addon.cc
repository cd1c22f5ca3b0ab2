// SPDX-License-Identifier: Apache-2.0
#include "environment.hpp"
#include "exports.hpp"

// The export table. Also loadable in worker threads: all state hangs on Environment.
static napi_value Initialize(napi_env env, napi_value exports_value) {
  try {
    Environment::Install(env);
    Napi::Object exports(env, exports_value);
    RegisterObject(exports);
    RegisterProgram(exports);
    RegisterLink(exports);
    RegisterMap(exports);
    RegisterRingBuffer(exports);
    RegisterSeqpacket(exports);
    RegisterNetns(exports);
    RegisterDescriptor(exports);
    RegisterLock(exports);
    RegisterMount(exports);
    return exports;
  } catch (const Failure& failure) {
    ThrowFailure(env, failure);
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  }
  return nullptr;
}

NAPI_MODULE_INIT() { return Initialize(env, exports); }
