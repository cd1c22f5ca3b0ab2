// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>
#include <sys/types.h>

#include <cstdint>

#include "fd.hpp"

// The process at the other end of a unix socket, as it was when it connected (or, for a client, listened).
struct Peer {
  pid_t pid = 0;  // 0: of a pid namespace that is not seen from here
  uid_t uid = 0;
  gid_t gid = 0;
  uint64_t start_time = 0;  // clock ticks since boot; 0: it had ended already
  UniqueFd pidfd;           // SO_PEERPIDFD, Linux 6.5

  bool IsAlive() const;
  Napi::Object ToObject(Napi::Env env) const;
};

// Throws ESEQPACKET_PEER.
Peer ReadPeer(int socket);
