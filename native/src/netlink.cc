// SPDX-License-Identifier: Apache-2.0
#include "netlink.hpp"

#include <sys/time.h>

#include <algorithm>
#include <cerrno>

namespace {
constexpr size_t kReceiveBytes = 32 * 1024;  // the kernel fills dump datagrams up to this
constexpr int kDumpTries = 8;
constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};

size_t LimitOf(int protocol) {
  if (protocol == NETLINK_SOCK_DIAG) return kMaxSocketBytes;
  return protocol == NETLINK_NETFILTER ? kMaxFirewallBytes : kMaxRoutingBytes;
}

std::vector<const nlmsghdr*> Headers(std::span<const uint8_t> bytes) {
  std::vector<const nlmsghdr*> headers;
  auto left = static_cast<unsigned>(bytes.size());
  for (auto* header = reinterpret_cast<const nlmsghdr*>(bytes.data()); NLMSG_OK(header, left);
       header = NLMSG_NEXT(header, left))
    headers.push_back(header);
  return headers;
}
}  // namespace

void NetlinkRequest::Append(const void* data, size_t size) {
  size_t start = bytes_.size();
  bytes_.resize(start + NLMSG_ALIGN(size));
  memcpy(bytes_.data() + start, data, size);
  header().nlmsg_len = static_cast<uint32_t>(bytes_.size());
}

void NetlinkRequest::Add(uint16_t type, const void* data, size_t size) {
  nlattr attribute{.nla_len = static_cast<uint16_t>(NLA_HDRLEN + size), .nla_type = type};
  Append(&attribute, sizeof attribute);
  Append(data, size);
}

std::string NetlinkAttribute::Text() const {
  const char* text = reinterpret_cast<const char*>(data.data());
  return std::string(text, strnlen(text, data.size()));
}

std::vector<NetlinkAttribute> NetlinkAttributes(std::span<const uint8_t> bytes) {
  std::vector<NetlinkAttribute> attributes;
  size_t offset = 0;
  while (offset + NLA_HDRLEN <= bytes.size()) {
    nlattr header;
    memcpy(&header, bytes.data() + offset, sizeof header);
    if (header.nla_len < NLA_HDRLEN || offset + header.nla_len > bytes.size()) break;
    attributes.push_back({static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK),
                          bytes.subspan(offset + NLA_HDRLEN, header.nla_len - NLA_HDRLEN)});
    offset += NLA_ALIGN(header.nla_len);
  }
  return attributes;
}

std::vector<NetlinkAttribute> NetlinkMessage::Attributes(size_t body_size) const {
  size_t start = std::min<size_t>(NLMSG_ALIGN(body_size), payload().size());
  return NetlinkAttributes(payload().subspan(start));
}

std::vector<NetlinkMessage> NetlinkMessages(std::span<const uint8_t> bytes) {
  std::vector<const nlmsghdr*> headers = Headers(bytes);
  return {headers.begin(), headers.end()};
}

Netlink::Netlink(int protocol)
    : fd_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)),
      limit_(LimitOf(protocol)),
      buffer_(kReceiveBytes) {
  if (!fd_) throw KernelError{"socket(AF_NETLINK)", errno, ""};
  // Without these the reasons are missing or a dump is wider than asked: nothing that callers rely on.
  int on = 1;
  setsockopt(fd_.Get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd_.Get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  setsockopt(fd_.Get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);  // 4.20
  setsockopt(fd_.Get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
}

int Netlink::Send(NetlinkRequest& request) {
  reason_.clear();
  request.header().nlmsg_seq = ++sequence_;
  sockaddr_nl kernel{.nl_family = AF_NETLINK};
  ssize_t sent;
  do {
    sent = sendto(fd_.Get(), request.bytes_.data(), request.bytes_.size(), 0,
                  reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

int Netlink::Receive() {
  ssize_t size;
  do {
    size = recv(fd_.Get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
  if (static_cast<size_t>(size) > buffer_.size()) return EMSGSIZE;
  received_ = static_cast<size_t>(size);
  return 0;
}

void Netlink::ReadReason(const nlmsghdr* header) {
  if (!(header->nlmsg_flags & NLM_F_ACK_TLVS)) return;
  // CAP_ACK: the request's header alone comes back, unless NLM_F_CAPPED is missing.
  auto* error = static_cast<const nlmsgerr*>(NLMSG_DATA(header));
  size_t echoed = header->nlmsg_flags & NLM_F_CAPPED ? 0 : error->msg.nlmsg_len - NLMSG_HDRLEN;
  for (const NetlinkAttribute& attribute : NetlinkMessage(header).Attributes(sizeof *error + echoed))
    if (attribute.type == NLMSGERR_ATTR_MSG) reason_ = attribute.Text();
}

int Netlink::Acknowledge(NetlinkRequest& request) {
  request.header().nlmsg_flags |= NLM_F_ACK;
  if (int error = Send(request)) return error;
  for (;;) {
    if (int error = Receive()) return error;
    for (const nlmsghdr* header : Headers({buffer_.data(), received_})) {
      if (header->nlmsg_seq != sequence_ || header->nlmsg_type != NLMSG_ERROR) continue;
      ReadReason(header);
      return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
    }
  }
}

int Netlink::DumpOnce(NetlinkRequest& request, const std::string& syscall, std::vector<uint8_t>& out,
                      bool& interrupted) {
  if (int error = Send(request)) return error;
  for (;;) {
    if (int error = Receive()) return error;
    for (const nlmsghdr* header : Headers({buffer_.data(), received_})) {
      if (header->nlmsg_seq != sequence_) continue;
      if (header->nlmsg_flags & NLM_F_DUMP_INTR) interrupted = true;
      if (header->nlmsg_type == NLMSG_ERROR) {
        ReadReason(header);
        return -static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error;
      }
      if (header->nlmsg_type == NLMSG_DONE) {
        // A dump that fails half-way says so here.
        int result = 0;
        if (header->nlmsg_len >= NLMSG_LENGTH(sizeof result))
          memcpy(&result, NLMSG_DATA(header), sizeof result);
        return result < 0 ? -result : 0;
      }
      if (out.size() + header->nlmsg_len > limit_) throw TooLarge{syscall, limit_};
      auto* start = reinterpret_cast<const uint8_t*>(header);
      out.insert(out.end(), start, start + header->nlmsg_len);
      out.resize(NLMSG_ALIGN(out.size()));
    }
  }
}

std::vector<uint8_t> Netlink::Dump(NetlinkRequest& request, const char* name) {
  request.header().nlmsg_flags |= NLM_F_DUMP;
  std::string syscall = std::string("netlink(") + name + ")";
  for (int attempt = 0; attempt < kDumpTries; attempt++) {
    std::vector<uint8_t> out;
    bool interrupted = false;
    if (int error = DumpOnce(request, syscall, out, interrupted)) throw KernelError{syscall, error, reason_};
    if (!interrupted) return out;
  }
  throw KernelError{syscall, EAGAIN,
                    "the table changed during each of " + std::to_string(kDumpTries) + " reads"};
}

std::vector<uint8_t> Netlink::Query(NetlinkRequest& request, const char* name) {
  // The acknowledgement ends what is answered, as it does a dump.
  request.header().nlmsg_flags |= NLM_F_ACK;
  std::vector<uint8_t> out;
  bool interrupted = false;
  std::string syscall = std::string("netlink(") + name + ")";
  if (int error = DumpOnce(request, syscall, out, interrupted)) throw KernelError{syscall, error, reason_};
  return out;
}
