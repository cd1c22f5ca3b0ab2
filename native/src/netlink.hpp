// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fd.hpp"

// What the kernel answered to an operation; `reason` is its extended acknowledgement, often empty.
struct KernelError {
  std::string syscall;
  int error = 0;
  std::string reason;
};

// There is more in the network namespace than is read of one: how much there is, who administers it decides.
struct TooLarge {
  std::string syscall;
  size_t limit;  // bytes
};
constexpr size_t kMaxRoutingBytes = 1 << 20;  // 20,000 routes; as JavaScript's objects they are 20 times that
constexpr size_t kMaxFirewallBytes = 8 << 20;
constexpr size_t kMaxSocketBytes = 32 << 20;  // 190,000 connections

// One request being built: a netlink header, the family's own header, then attributes.
class NetlinkRequest {
 public:
  template <class Header>
  NetlinkRequest(uint16_t type, uint16_t flags, const Header& header) {
    nlmsghdr start{.nlmsg_type = type, .nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST)};
    Append(&start, sizeof start);
    Append(&header, sizeof header);
  }
  void Add(uint16_t type, const void* data, size_t size);
  void Add(uint16_t type, uint32_t value) { Add(type, &value, sizeof value); }
  void AddByte(uint16_t type, uint8_t value) { Add(type, &value, sizeof value); }

 private:
  friend class Netlink;
  void Append(const void* data, size_t size);
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  std::vector<uint8_t> bytes_;
};

// One attribute, a view into the reply.
struct NetlinkAttribute {
  uint16_t type;
  std::span<const uint8_t> data;

  // Kernel attributes grow over time: the first bytes count, a shorter one reads as absent.
  template <class T>
  std::optional<T> As() const {
    if (data.size() < sizeof(T)) return std::nullopt;
    T value;
    memcpy(&value, data.data(), sizeof value);
    return value;
  }
  std::string Text() const;  // up to its NUL
};

// Those in a nested attribute, or after a message's own header.
std::vector<NetlinkAttribute> NetlinkAttributes(std::span<const uint8_t> bytes);

// One message of a reply, a view into the bytes that Netlink::Dump returned.
class NetlinkMessage {
 public:
  explicit NetlinkMessage(const nlmsghdr* header) : header_(header) {}
  uint16_t type() const { return header_->nlmsg_type; }

  // The family's header; zeros where the kernel sent less.
  template <class Header>
  Header Body() const {
    Header body{};
    memcpy(&body, payload().data(), std::min(sizeof body, payload().size()));
    return body;
  }
  std::vector<NetlinkAttribute> Attributes(size_t body_size) const;

 private:
  std::span<const uint8_t> payload() const {
    return {reinterpret_cast<const uint8_t*>(header_) + NLMSG_HDRLEN, header_->nlmsg_len - NLMSG_HDRLEN};
  }
  const nlmsghdr* header_;
};

// The messages in one or more received datagrams.
std::vector<NetlinkMessage> NetlinkMessages(std::span<const uint8_t> bytes);

// A netlink socket of the calling thread's network namespace. Waits for the kernel, so never on the event
// loop.
class Netlink {
 public:
  explicit Netlink(int protocol);

  // Sends and waits for the acknowledgement: 0 or a positive errno.
  int Acknowledge(NetlinkRequest& request);

  // All messages of a dump, begun again when the kernel says that it changed meanwhile. Throws KernelError,
  // TooLarge.
  std::vector<uint8_t> Dump(NetlinkRequest& request, const char* name);

  // The answer to a question that is no dump. Throws KernelError.
  std::vector<uint8_t> Query(NetlinkRequest& request, const char* name);

  const std::string& reason() const { return reason_; }
  int fd() const { return fd_.Get(); }

 private:
  int Send(NetlinkRequest& request);
  int Receive();
  void ReadReason(const nlmsghdr* error);
  int DumpOnce(NetlinkRequest& request, const std::string& syscall, std::vector<uint8_t>& out,
               bool& interrupted);

  UniqueFd fd_;
  size_t limit_;  // bytes of one dump
  uint32_t sequence_ = 0;
  std::vector<uint8_t> buffer_;
  size_t received_ = 0;
  std::string reason_;
};
