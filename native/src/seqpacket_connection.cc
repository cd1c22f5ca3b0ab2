// SPDX-License-Identifier: Apache-2.0
#include "seqpacket_connection.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "argument.hpp"

namespace {
constexpr int kMessagesPerWake = 64;     // then other work of the loop gets its turn
constexpr size_t kMaxDescriptors = 253;  // SCM_MAX_FD

void CloseReceived(msghdr& message) {
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (size_t offset = 0; offset + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); offset += sizeof(int)) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + offset, sizeof fd);
      close(fd);
    }
  }
}

bool HungUp(int socket) {
  pollfd poll_fd{.fd = socket, .events = POLLRDHUP};
  return poll(&poll_fd, 1, 0) > 0;
}

// What a call of onEvent says: a message, or the end.
struct Event {
  std::optional<std::span<const uint8_t>> message;
  bool truncated = false;
  const Failure* failure = nullptr;
};

napi_value EventArgument(napi_env env, size_t index, void* data) {
  const Event& event = *static_cast<Event*>(data);
  try {
    if (index == 0 && event.message) return NewBytes(env, event.message->data(), event.message->size());
    if (index == 1 && event.message) return Napi::Boolean::New(env, event.truncated);
    if (index == 1 && event.failure) return event.failure->ToObject(env);
    return Napi::Env(env).Undefined();
  } catch (const Napi::Error&) {
    return nullptr;  // the environment is ending
  }
}
}  // namespace

SeqpacketConnection::SeqpacketConnection(Napi::Env env, UniqueFd socket, size_t max_message_bytes)
    : Handle(env), socket_(std::move(socket)), peer_(ReadPeer(socket_.Get())), buffer_(max_message_bytes) {}

void SeqpacketConnection::Start(Napi::Object self, Napi::Function on_event) {
  if (watch_.started()) Fail("EINVALID_ARGUMENT", "the seqpacket connection has started already");
  on_event_ = Napi::Persistent(on_event);
  watch_.Start(shared_environment(), socket_.Get(), [this] { Drain(); });
  KeepReachable(self);
}

void SeqpacketConnection::Drain() {
  // Each message is a call into JavaScript, which may close this connection.
  for (int i = 0; i < kMessagesPerWake && !closed(); i++)
    if (!ReceiveOne()) return;
}

bool SeqpacketConnection::ReceiveOne() {
  iovec vector{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control;
  msghdr message{
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.data(), .msg_controllen = control.size()};
  ssize_t size = recvmsg(socket_.Get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && errno == EINTR) return true;
  if (size < 0 && errno == EAGAIN) return false;
  if (size < 0) {
    Finish(Failure{.code = "ESEQPACKET_RECEIVE",
                   .message = "the seqpacket connection ended: " + ErrnoText(errno),
                   .syscall = "recvmsg",
                   .error = errno});
    return false;
  }
  CloseReceived(message);
  // The end reads as an empty message; nothing but the hang-up tells them apart.
  if (size == 0 && HungUp(socket_.Get())) {
    Finish(std::nullopt);
    return false;
  }
  Event event{.message = std::span<const uint8_t>(buffer_.data(), static_cast<size_t>(size)),
              .truncated = (message.msg_flags & MSG_TRUNC) != 0};
  CallFromLoop(environment().env(), on_event_, 2, EventArgument, &event);
  return true;
}

void SeqpacketConnection::Finish(std::optional<Failure> failure) {
  napi_env env = environment().env();
  Napi::FunctionReference on_event = std::move(on_event_);
  Close();
  Event event{.failure = failure ? &*failure : nullptr};
  CallFromLoop(env, on_event, 2, EventArgument, &event);
}

void SeqpacketConnection::Send(std::span<const uint8_t> data, std::span<const int> fds) {
  iovec vector{.iov_base = const_cast<uint8_t*>(data.data()), .iov_len = data.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr message{.msg_iov = &vector, .msg_iovlen = 1};
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size_bytes());
    memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  }
  ssize_t size;
  do {
    size = sendmsg(socket_.Get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  if (size >= 0) return;
  const char* code = errno == EAGAIN || errno == ENOBUFS     ? "ESEQPACKET_FULL"
                     : errno == EPIPE || errno == ECONNRESET ? "ESEQPACKET_ENDED"
                                                             : "ESEQPACKET_SEND";
  FailErrno(code, "sendmsg", errno, "cannot send a message of " + std::to_string(data.size()) + " bytes");
}

void SeqpacketConnection::OnClose() {
  watch_.Stop();
  socket_.Reset();
  peer_.pidfd.Reset();
  on_event_.Reset();
}
