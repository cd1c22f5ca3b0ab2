// SPDX-License-Identifier: Apache-2.0
#include <sys/mount.h>

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
}  // namespace

void RegisterMount(Napi::Object exports) { Export<MountFilesystem>(exports, "mountFilesystem"); }
