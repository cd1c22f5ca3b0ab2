// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <linux/inet_diag.h>
#include <napi.h>
#include <netinet/tcp.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "netlink.hpp"

// Every state of tcp_states.h from ESTABLISHED to NEW_SYN_RECV but the three that carry no connection.
constexpr uint32_t kConnected =
    ((1u << (TCP_CLOSING + 2)) - 2) & ~(1u << TCP_LISTEN | 1u << TCP_TIME_WAIT | 1u << TCP_CLOSE);

// IPv4 as ::ffff:a.b.c.d.
using MappedAddress = std::array<uint8_t, 16>;

MappedAddress MapAddress(int family, const void* address);

struct TcpSocket {
  inet_diag_msg message{};
  uint32_t mark = 0;  // the kernel tells it to CAP_NET_ADMIN only
  // IP_TRANSPARENT; an accepted socket has it from its listener. nullopt: the kernel does not say, as of
  // handshakes in progress.
  std::optional<bool> transparent;

  uint16_t port() const;  // the local one
};

struct MarkSelection {
  uint32_t mark;
  uint32_t mask;
  bool Takes(uint32_t other) const { return (other & mask) == mark; }
};

// Throws EINVALID_ARGUMENT: {mark, mask}
MarkSelection MarkArgument(const Napi::Object& object);

// `states`: bits 1 << TCP_*. With `selection`, only sockets whose mark is such. Throws KernelError.
std::vector<TcpSocket> DumpTcpSockets(Netlink& netlink, uint8_t family, uint32_t states,
                                      std::optional<MarkSelection> selection = std::nullopt);
