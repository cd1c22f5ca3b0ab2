// SPDX-License-Identifier: Apache-2.0
#include "peer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "error.hpp"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

namespace {
struct ProcessStat {
  char state;
  uint64_t start_time;
};

std::optional<ProcessStat> ReadStat(pid_t pid) {
  UniqueFd file(open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  char text[1024];
  ssize_t size = read(file.Get(), text, sizeof text);
  if (size <= 0) return std::nullopt;
  std::string_view rest(text, static_cast<size_t>(size));
  // The name of the program, in parentheses, may itself hold spaces and parentheses.
  size_t name_end = rest.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 >= rest.size()) return std::nullopt;
  rest.remove_prefix(name_end + 2);
  ProcessStat stat{.state = rest[0], .start_time = 0};
  for (int field = 3; field < 22; field++) {
    size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  if (std::from_chars(rest.data(), rest.data() + rest.size(), stat.start_time).ec != std::errc())
    return std::nullopt;
  return stat;
}

// A pidfd is readable once its process has ended, reaped or not.
bool IsRunning(const UniqueFd& pidfd) {
  pollfd poll_fd{.fd = pidfd.Get(), .events = POLLIN};
  return poll(&poll_fd, 1, 0) == 0;
}
}  // namespace

Peer ReadPeer(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
    FailErrno("ESEQPACKET_PEER", "getsockopt(SO_PEERCRED)", errno, "cannot identify the peer");
  Peer peer{.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
  int pidfd = -1;
  size = sizeof pidfd;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0) peer.pidfd.Reset(pidfd);
  auto stat = ReadStat(peer.pid);
  // Where there is a pidfd it proves that the pid had not gone to another process meanwhile.
  if (stat && (!peer.pidfd || IsRunning(peer.pidfd))) peer.start_time = stat->start_time;
  return peer;
}

bool Peer::IsAlive() const {
  if (pidfd) return IsRunning(pidfd);
  auto stat = ReadStat(pid);
  return stat && start_time != 0 && stat->start_time == start_time && stat->state != 'Z' &&
         stat->state != 'X';
}

Napi::Object Peer::ToObject(Napi::Env env) const {
  Napi::Object object = Napi::Object::New(env);
  object.Set("pid", Napi::Number::New(env, pid));
  object.Set("uid", Napi::Number::New(env, uid));
  object.Set("gid", Napi::Number::New(env, gid));
  object.Set("startTime", Napi::BigInt::New(env, start_time));
  object.Set("pidfd", pidfd ? Napi::Number::New(env, pidfd.Get()).As<Napi::Value>() : env.Undefined());
  return object;
}
