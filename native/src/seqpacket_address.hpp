// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <string>

#include "error.hpp"

// A path as a socket address; throws `code` when it is longer than the kernel takes.
inline sockaddr_un SocketAddress(const char* code, const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (path.size() >= sizeof address.sun_path) FailErrno(code, "bind", ENAMETOOLONG, "cannot use " + path);
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}
