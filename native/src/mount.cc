// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "argument.hpp"
#include "error.hpp"
#include "exports.hpp"

namespace {
// mountFilesystem(type, target)
Napi::Value MountFilesystem(const Napi::CallbackInfo& info) {
  std::string type = StringArgument(info[0], "type");
  std::string target = StringArgument(info[1], "target");
  if (mount(type.c_str(), target.c_str(), type.c_str(), MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0)
    FailErrno("EMOUNT", "mount", errno, "cannot mount " + type + " at " + target);
  return info.Env().Undefined();
}

// remountWritable(target) -> whether it was read-only
Napi::Value RemountWritable(const Napi::CallbackInfo& info) {
  std::string target = StringArgument(info[0], "target");
  struct statvfs state;
  if (statvfs(target.c_str(), &state) < 0) FailErrno("EMOUNT", "statvfs", errno, "cannot look at " + target);
  if (!(state.f_flag & ST_RDONLY)) return Napi::Boolean::New(info.Env(), false);
  // A remount sets all flags of the mount: those that it has are said again.
  unsigned long kept = MS_REMOUNT | MS_BIND;
  if (state.f_flag & ST_NOSUID) kept |= MS_NOSUID;
  if (state.f_flag & ST_NODEV) kept |= MS_NODEV;
  if (state.f_flag & ST_NOEXEC) kept |= MS_NOEXEC;
  if (mount(nullptr, target.c_str(), nullptr, kept, nullptr) < 0)
    FailErrno("EMOUNT", "mount", errno, "cannot mount " + target + " writable");
  return Napi::Boolean::New(info.Env(), true);
}
}  // namespace

void RegisterMount(Napi::Object exports) {
  Export<MountFilesystem>(exports, "mountFilesystem");
  Export<RemountWritable>(exports, "remountWritable");
}
