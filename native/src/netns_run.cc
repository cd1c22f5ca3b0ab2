// SPDX-License-Identifier: Apache-2.0
#include "netns_run.hpp"

#include <csignal>
#include <cerrno>
#include <fcntl.h>
#include <sched.h>

namespace {
constexpr size_t kStackBytes = 256 * 1024;

bool HasIpv6(const std::string& interface) {
  std::string path = "/proc/sys/net/ipv6/conf/" + interface + "/disable_ipv6";
  UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char value = '1';
  return file && read(file.Get(), &value, 1) == 1 && value == '0';
}

// What the kernel says to a family it lacks differs by operation (EAFNOSUPPORT, EOPNOTSUPP, EACCES, EINVAL,
// ...).
bool LacksFamily(const NetnsOperation& operation, int error) {
  if (operation.family() == 0 || error == EPERM) return false;
  if (error == EAFNOSUPPORT) return true;
  return operation.family() == AF_INET6 && !(HasIpv6("all") && HasIpv6("lo"));
}

Failure Explain(const NetnsOperation& operation, const KernelError& error) {
  Failure failure{.code = "ENETNS_OPERATION",
                  .message = operation.Describe() + ": " + ErrnoText(error.error),
                  .syscall = error.syscall,
                  .error = error.error};
  if (!error.reason.empty()) failure.message += ": " + error.reason;
  if (LacksFamily(operation, error.error)) {
    failure.code = "ENETNS_FAMILY";
    failure.message += ": the network namespace has no IPv6";
  } else if (error.error == EPERM) {
    failure.code = "ENETNS_PERMISSION";
    failure.message += ": needs CAP_NET_ADMIN in the user namespace that owns the network namespace";
  } else if (error.error == EOPNOTSUPP) {
    failure.code = "ENETNS_UNSUPPORTED";
  }
  return failure;
}
}  // namespace

NetnsRun::NetnsRun(Napi::Env env, UniqueFd netns, std::vector<OperationPointer> operations,
                   Napi::Function settle)
    : Handle(env),
      netns_(std::move(netns)),
      operations_(std::move(operations)),
      settle_(Napi::Persistent(settle)) {}

void NetnsRun::Start(Napi::Env env, UniqueFd netns, std::vector<OperationPointer> operations,
                     Napi::Function settle) {
  auto* run = new NetnsRun(env, std::move(netns), std::move(operations), settle);
  run->done_.data = run;
  int status = uv_async_init(run->environment().loop(), &run->done_,
                             [](uv_async_t* done) { static_cast<NetnsRun*>(done->data)->Settle(); });
  if (status == 0) return run->Launch();
  run->done_.type = UV_UNKNOWN_HANDLE;
  run->Close();
  delete run;
  FailErrno("ENETNS_THREAD", "uv_async_init", -status, "cannot start a run");
}

void NetnsRun::Launch() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // Signals stay with the threads that Node expects them on.
  sigset_t all;
  sigfillset(&all);
  pthread_attr_setsigmask_np(&attributes, &all);
  auto work = [](void* run) -> void* {
    static_cast<NetnsRun*>(run)->Work();
    return nullptr;
  };
  int error = pthread_create(&thread_, &attributes, work, this);
  pthread_attr_destroy(&attributes);
  running_ = error == 0;
  if (running_) return;
  Close();
  FailErrno("ENETNS_THREAD", "pthread_create", error, "cannot start the thread of a run");
}

void NetnsRun::Work() {
  try {
    if (setns(netns_.Get(), CLONE_NEWNET) < 0)
      FailErrno(errno == EPERM ? "ENETNS_PERMISSION" : "ENETNS_ENTER", "setns", errno,
                errno == EPERM ? "cannot enter the network namespace without CAP_SYS_ADMIN"
                               : "cannot enter the network namespace");
    NetnsSession session;
    for (const OperationPointer& operation : operations_) {
      if (abandoned_) break;
      try {
        operation->Perform(session);
      } catch (const KernelError& error) {
        throw Explain(*operation, error);
      } catch (const TooLarge& error) {
        throw Failure{.code = "ENETNS_TOO_LARGE",
                      .message = operation->Describe() + ": the answer has more than " +
                                 std::to_string(error.limit >> 20) + " MiB",
                      .syscall = error.syscall};
      }
    }
  } catch (const Failure& failure) {
    failure_ = failure;
  } catch (const std::exception& error) {
    failure_ = Failure{.code = "EINTERNAL", .message = error.what()};
  }
  uv_async_send(&done_);
}

napi_value NetnsRun::Argument(napi_env env, size_t index) {
  try {
    if (index == 0) return failure_ ? failure_->ToObject(env) : Napi::Env(env).Undefined();
    if (failure_) return Napi::Env(env).Undefined();
    Napi::Array results = Napi::Array::New(env, operations_.size());
    for (uint32_t i = 0; i < operations_.size(); i++) results.Set(i, operations_[i]->Result(env));
    return results;
  } catch (const Napi::Error&) {  // the environment is ending
  } catch (const Failure&) {
  }
  return nullptr;
}

void NetnsRun::Settle() {
  napi_env env = environment().env();
  Napi::FunctionReference settle = std::move(settle_);
  Close();  // the memory lives until libuv gives the handle back, in a later turn of the loop
  CallFromLoop(
      env, settle, 2,
      [](napi_env env, size_t index, void* run) { return static_cast<NetnsRun*>(run)->Argument(env, index); },
      this);
}

void NetnsRun::OnClose() {
  abandoned_ = true;
  if (running_) pthread_join(thread_, nullptr);
  running_ = false;
  settle_.Reset();
  if (done_.type != UV_ASYNC) return;  // never came to life
  environment().CloseLoopHandle(reinterpret_cast<uv_handle_t*>(&done_),
                                [](uv_handle_t* handle) { delete static_cast<NetnsRun*>(handle->data); });
}
