// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <cerrno>
#include <string_view>

#include "argument.hpp"
#include "fd.hpp"
#include "netns_operation.hpp"

namespace {
// As sysctl(8): dots separate, and a slash stands for a dot inside a name (net.ipv4.conf.eth0/100.rp_filter).
// Only net.* belongs to a network namespace; anything else would be the host's.
std::string SysctlPath(const std::string& name) {
  std::string path = "/proc/sys/";
  for (char c : name) path += c == '.' ? '/' : c == '/' ? '.' : c;
  return path;
}

bool IsNetSysctl(const std::string& name) {
  if (!name.starts_with("net.") || name.ends_with('.')) return false;
  std::string path = SysctlPath(name);
  return path.find("//") == std::string::npos && path.find("/../") == std::string::npos &&
         path.find("/./") == std::string::npos && !path.ends_with("/..") && !path.ends_with("/.");
}

std::string NameArgument(const Napi::Object& object) {
  std::string name = StringArgument(object.Get("name"), "name");
  if (!IsNetSysctl(name)) FailArgument("the dotted name of a net. sysctl", "name", object.Get("name"));
  return name;
}

[[noreturn]] void FailSysctl(const char* syscall, const std::string& name) {
  int error = errno;
  throw KernelError{
      syscall, error,
      error == EROFS ? "/proc/sys is mounted read-only" : SysctlPath(name)};
}

// The thread's network namespace decides whose sysctl this is, whatever /proc it goes through.
std::optional<std::string> ReadSysctl(const std::string& name) {
  UniqueFd file(open(SysctlPath(name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  if (!file) FailSysctl("open", name);
  char text[4096];
  ssize_t size = read(file.Get(), text, sizeof text);
  if (size < 0) FailSysctl("read", name);
  while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' ')) size--;
  return std::string(text, static_cast<size_t>(size));
}

void WriteSysctl(const std::string& name, const std::string& value) {
  UniqueFd file(open(SysctlPath(name).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) FailSysctl("open", name);
  if (write(file.Get(), value.data(), value.size()) < 0) FailSysctl("write", name);
}

class GetSysctl : public NetnsOperation {
 public:
  explicit GetSysctl(std::string name) : name_(std::move(name)) {}
  std::string Describe() const override { return "get-sysctl " + name_; }
  void Perform(NetnsSession&) override { value_ = ReadSysctl(name_); }
  Napi::Value Result(Napi::Env env) override {
    return value_ ? Napi::String::New(env, *value_).As<Napi::Value>() : env.Undefined();
  }

 private:
  std::string name_;
  std::optional<std::string> value_;
};

class SetSysctl : public NetnsOperation {
 public:
  SetSysctl(std::string name, std::string value) : name_(std::move(name)), value_(std::move(value)) {}
  std::string Describe() const override { return "set-sysctl " + name_ + " = " + value_; }
  void Perform(NetnsSession&) override {
    std::optional<std::string> previous = ReadSysctl(name_);
    if (!previous) throw KernelError{"open", ENOENT, SysctlPath(name_)};
    previous_ = *previous;
    if (previous_ != value_) WriteSysctl(name_, value_);
  }
  Napi::Value Result(Napi::Env env) override { return Napi::String::New(env, previous_); }

 private:
  std::string name_;
  std::string value_;
  std::string previous_;
};
}  // namespace

OperationPointer ParseSysctlOperation(const std::string& op, const Napi::Object& object) {
  if (op == "get-sysctl") return std::make_unique<GetSysctl>(NameArgument(object));
  if (op == "set-sysctl")
    return std::make_unique<SetSysctl>(NameArgument(object), StringArgument(object.Get("value"), "value"));
  return nullptr;
}
