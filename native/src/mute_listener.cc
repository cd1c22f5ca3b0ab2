// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "argument.hpp"
#include "descriptor.hpp"
#include "netns_operation.hpp"

namespace {
constexpr uint32_t kFlagsOffset = 13;
constexpr uint32_t kSyn = 0x02;

// RFC 5737: nobody has this address, so no lookup of the kernel's own ends here. Mapped, because a socket that is
// bound to another IPv6 address takes IPv6 only.
constexpr const char* kNobody = "192.0.2.1";
constexpr const char* kNobodyMapped = "::ffff:192.0.2.1";

void Require(int result, const char* syscall) {
  if (result < 0) throw KernelError{syscall, errno, ""};
}

template <class T>
void SetOption(const UniqueFd& fd, int level, int name, const T& value, const char* syscall) {
  Require(setsockopt(fd.Get(), level, name, &value, sizeof value), syscall);
}

// Drops SYNs, so that they are sent again. The rest reaches the listener, which answers with a reset.
void Mute(const UniqueFd& fd) {
  sock_filter program[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
                           BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kSyn, 0, 1),
                           BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, 0xffffffff)};
  SetOption(fd, SOL_SOCKET, SO_ATTACH_FILTER,
            sock_fprog{.len = sizeof program / sizeof program[0], .filter = program},
            "setsockopt(SO_ATTACH_FILTER)");
}

// The family of the listener may be IPv4 only where the kernel has no IPv6.
UniqueFd OpenTransparent(int& family) {
  family = AF_INET6;
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd && errno == EAFNOSUPPORT) fd.Reset(socket(family = AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Require(fd.Get(), "socket");
  if (family == AF_INET6) SetOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, "setsockopt(IPV6_V6ONLY)");
  SetOption(fd, SOL_IP, IP_TRANSPARENT, 1, "setsockopt(IP_TRANSPARENT)");
  return fd;
}

int BindNobody(const UniqueFd& fd, int family, uint16_t port) {
  sockaddr_in6 six{.sin6_family = AF_INET6, .sin6_port = htons(port)};
  sockaddr_in four{.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET6, kNobodyMapped, &six.sin6_addr);
  inet_pton(AF_INET, kNobody, &four.sin_addr);
  return family == AF_INET6 ? bind(fd.Get(), reinterpret_cast<sockaddr*>(&six), sizeof six)
                            : bind(fd.Get(), reinterpret_cast<sockaddr*>(&four), sizeof four);
}

class OpenMuteListener : public NetnsOperation {
 public:
  explicit OpenMuteListener(uint16_t port) : port_(port) {}
  std::string Describe() const override { return "mute-listener"; }
  void Perform(NetnsSession&) override {
    int family;
    UniqueFd fd = OpenTransparent(family);
    Mute(fd);
    int bound = BindNobody(fd, family, port_);
    if (bound < 0 && errno == EADDRINUSE) bound = BindNobody(fd, family, 0);
    Require(bound, "bind");
    Require(listen(fd.Get(), 1), "listen");
    listener_ = std::move(fd);
  }
  Napi::Value Result(Napi::Env env) override { return Descriptor::ToObject(env, std::move(listener_)); }

 private:
  uint16_t port_;
  UniqueFd listener_;
};
}  // namespace

OperationPointer ParseMuteListener(const std::string& op, const Napi::Object& object) {
  if (op != "mute-listener") return nullptr;
  return std::make_unique<OpenMuteListener>(
      static_cast<uint16_t>(IntegerArgument(object.Get("port"), "port", 0, 65535)));
}
