// SPDX-License-Identifier: Apache-2.0
#include "descriptor.hpp"

#include <sys/syscall.h>

#include <cerrno>
#include <limits>

#include "argument.hpp"
#include "exports.hpp"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438  // 5.6
#endif

namespace {
[[noreturn]] void FailDuplication(const char* syscall, int error, const std::string& whose) {
  switch (error) {
    case ESRCH:
    case EBADF: FailErrno("EDESCRIPTOR_GONE", syscall, error, "there is no " + whose);
    case EPERM:
      FailErrno("EDESCRIPTOR_PERMISSION", syscall, error,
                "cannot take " + whose + ": needs CAP_SYS_PTRACE, and a security module that allows it");
    case ENOSYS: FailErrno("EDESCRIPTOR_UNSUPPORTED", syscall, error, "pidfd_getfd: Linux 5.6 has it");
    default: FailErrno("EDESCRIPTOR_DUPLICATE", syscall, error, "cannot take " + whose);
  }
}

// duplicateFd(pid, fd): {handle, fd}
Napi::Value DuplicateFd(const Napi::CallbackInfo& info) {
  int pid = static_cast<int>(IntegerArgument(info[0], "pid", 1, std::numeric_limits<int>::max()));
  int fd = FdArgument(info[1], "fd");
  std::string whose = "descriptor " + std::to_string(fd) + " of process " + std::to_string(pid);
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) FailDuplication("pidfd_open", errno, whose);
  UniqueFd copy(static_cast<int>(syscall(SYS_pidfd_getfd, process.Get(), fd, 0)));
  if (!copy) FailDuplication("pidfd_getfd", errno, whose);
  return Descriptor::ToObject(info.Env(), std::move(copy));
}
}  // namespace

Napi::Object Descriptor::ToObject(Napi::Env env, UniqueFd fd) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("fd", Napi::Number::New(env, fd.Get()));
  object.Set("handle", WrapHandle(env, std::make_unique<Descriptor>(env, std::move(fd))));
  return object;
}

void RegisterDescriptor(Napi::Object exports) {
  Export<DuplicateFd>(exports, "duplicateFd");
  Export<CloseHandle<Descriptor>>(exports, "closeDescriptor");
}
