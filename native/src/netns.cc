// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "argument.hpp"
#include "exports.hpp"
#include "netlink_watch.hpp"
#include "netns_run.hpp"

namespace {
// A network namespace, kept alive by the descriptor.
class Netns : public Handle {
 public:
  static constexpr napi_type_tag kTag = {0x27c95e18d4af4b06, 0x8b3d6172f0e94c5a};
  static constexpr const char* kName = "netns";

  Netns(Napi::Env env, UniqueFd fd) : Handle(env), fd_(std::move(fd)) {}
  ~Netns() override { Close(); }
  int fd() const { return fd_.Get(); }

 protected:
  void OnClose() override { fd_.Reset(); }

 private:
  UniqueFd fd_;
};

// openNetns(path): {handle, fd, inode}
Napi::Value OpenNetns(const Napi::CallbackInfo& info) {
  std::string path = StringArgument(info[0], "path");
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    bool gone = errno == ENOENT || errno == ESRCH || errno == ENOTDIR;
    FailErrno(gone                                ? "ENETNS_GONE"
              : errno == EPERM || errno == EACCES ? "ENETNS_PERMISSION"
                                                  : "ENETNS_OPEN",
              "open", errno,
              (gone ? "no network namespace at " : "cannot open the network namespace ") + path);
  }
  struct statfs filesystem;
  bool nsfs = fstatfs(fd.Get(), &filesystem) == 0 && filesystem.f_type == NSFS_MAGIC;
  if (!nsfs || ioctl(fd.Get(), NS_GET_NSTYPE) != CLONE_NEWNET)
    Fail("ENETNS_TYPE", path + " is not a network namespace");
  struct stat status;
  if (fstat(fd.Get(), &status) < 0) FailErrno("ENETNS_OPEN", "fstat", errno, "cannot read " + path);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("fd", Napi::Number::New(info.Env(), fd.Get()));
  object.Set("inode", Napi::Number::New(info.Env(), static_cast<double>(status.st_ino)));
  object.Set("handle", WrapHandle(info.Env(), std::make_unique<Netns>(info.Env(), std::move(fd))));
  return object;
}

// runInNetns(handle, operations, settle)
Napi::Value RunInNetns(const Napi::CallbackInfo& info) {
  Netns& netns = UnwrapHandle<Netns>(info[0], "netns");
  Napi::Array list = ArrayArgument(info[1], "operations");
  Napi::Function settle = FunctionArgument(info[2], "settle");
  std::vector<OperationPointer> operations;
  for (uint32_t i = 0; i < list.Length(); i++)
    operations.push_back(ParseOperation(ObjectArgument(list.Get(i), "operation")));
  UniqueFd fd(fcntl(netns.fd(), F_DUPFD_CLOEXEC, 0));
  if (!fd) FailErrno("ENETNS_OPEN", "fcntl(F_DUPFD_CLOEXEC)", errno, "cannot start a run");
  NetnsRun::Start(info.Env(), std::move(fd), std::move(operations), settle);
  return info.Env().Undefined();
}

// startNetnsWatch(handle, onChange): the handle is the result of the operation 'watch'
Napi::Value StartNetnsWatch(const Napi::CallbackInfo& info) {
  NetlinkWatch& watch = UnwrapHandle<NetlinkWatch>(info[0], "handle");
  watch.Start(info[0].As<Napi::Object>(), FunctionArgument(info[1], "onChange"));
  return info.Env().Undefined();
}
}  // namespace

void RegisterNetns(Napi::Object exports) {
  Export<OpenNetns>(exports, "openNetns");
  Export<CloseHandle<Netns>>(exports, "closeNetns");
  Export<RunInNetns>(exports, "runInNetns");
  Export<StartNetnsWatch>(exports, "startNetnsWatch");
  Export<CloseHandle<NetlinkWatch>>(exports, "closeNetnsWatch");
}
