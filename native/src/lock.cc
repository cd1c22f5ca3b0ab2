// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "argument.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "fd.hpp"

namespace {
// An flock(2) that ends with this handle or its process. The file stays: removing it would let two hold the
// lock.
class FileLock : public Handle {
 public:
  static constexpr napi_type_tag kTag = {0x7e4c1a9b35d0f826, 0x92d5b7604fe1c38a};
  static constexpr const char* kName = "file lock";

  FileLock(Napi::Env env, UniqueFd file) : Handle(env), file_(std::move(file)) {}
  ~FileLock() override { Close(); }

 protected:
  void OnClose() override { file_.Reset(); }

 private:
  UniqueFd file_;
};

// False when the path has another file, or none, by now: then the lock on this one keeps nobody away.
bool IsStillAt(const UniqueFd& file, const std::string& path) {
  struct stat locked, named;
  return fstat(file.Get(), &locked) == 0 && stat(path.c_str(), &named) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

// acquireFileLock(path): handle | undefined
Napi::Value AcquireFileLock(const Napi::CallbackInfo& info) {
  std::string path = StringArgument(info[0], "path");
  for (;;) {
    UniqueFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file && errno == EISDIR)
      file = UniqueFd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!file) FailErrno("ELOCK", "open", errno, "cannot open the lock file " + path);
    if (flock(file.Get(), LOCK_EX | LOCK_NB) < 0) {
      if (errno == EWOULDBLOCK) return info.Env().Undefined();
      FailErrno("ELOCK", "flock", errno, "cannot lock " + path);
    }
    if (IsStillAt(file, path))
      return WrapHandle(info.Env(), std::make_unique<FileLock>(info.Env(), std::move(file)));
  }
}
}  // namespace

void RegisterLock(Napi::Object exports) {
  Export<AcquireFileLock>(exports, "acquireFileLock");
  Export<CloseHandle<FileLock>>(exports, "releaseFileLock");
}
