// SPDX-License-Identifier: Apache-2.0
#include "sockdiag.hpp"

#include <arpa/inet.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

namespace {
// A program for the kernel's filter: one condition; a jump to its end accepts, past its end refuses.
struct MarkFilter {
  inet_diag_bc_op op;
  inet_diag_markcond condition;
};

TcpSocket ReadSocket(const NetlinkMessage& message) {
  TcpSocket socket{.message = message.Body<inet_diag_msg>()};
  for (const NetlinkAttribute& attribute : message.Attributes(sizeof socket.message)) {
    if (attribute.type == INET_DIAG_MARK) socket.mark = attribute.As<uint32_t>().value_or(0);
    if (attribute.type != INET_DIAG_SOCKOPT) continue;
    if (auto options = attribute.As<inet_diag_sockopt>()) socket.transparent = options->transparent != 0;
  }
  return socket;
}
}  // namespace

MappedAddress MapAddress(int family, const void* address) {
  MappedAddress bytes{};
  if (family == AF_INET6) {
    memcpy(bytes.data(), address, bytes.size());
  } else {
    bytes[10] = bytes[11] = 0xff;
    memcpy(&bytes[12], address, 4);
  }
  return bytes;
}

uint16_t TcpSocket::port() const { return ntohs(message.id.idiag_sport); }

std::vector<TcpSocket> DumpTcpSockets(Netlink& netlink, uint8_t family, uint32_t states,
                                      std::optional<MarkSelection> selection) {
  inet_diag_req_v2 body{.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = states};
  NetlinkRequest request(SOCK_DIAG_BY_FAMILY, 0, body);
  if (selection) {
    MarkFilter filter{.op = {.code = INET_DIAG_BC_MARK_COND, .yes = sizeof filter, .no = sizeof filter + 4},
                      .condition = {.mark = selection->mark, .mask = selection->mask}};
    request.Add(INET_DIAG_REQ_BYTECODE, &filter, sizeof filter);  // INET_DIAG_BC_MARK_COND: 4.16
  }
  std::vector<TcpSocket> sockets;
  try {
    std::vector<uint8_t> reply = netlink.Dump(request, "SOCK_DIAG_BY_FAMILY");
    for (const NetlinkMessage& message : NetlinkMessages(reply))
      if (message.type() == SOCK_DIAG_BY_FAMILY) sockets.push_back(ReadSocket(message));
  } catch (KernelError& error) {
    if (error.error == ENOENT) error.reason = "the kernel has no tcp_diag (CONFIG_INET_TCP_DIAG)";
    throw;
  }
  return sockets;
}
