// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <cerrno>

#include "argument.hpp"
#include "exports.hpp"
#include "seqpacket_address.hpp"
#include "seqpacket_connection.hpp"
#include "seqpacket_server.hpp"

namespace {
constexpr int64_t kMaxMessageBytes = 16 << 20;

// listenSeqpacket(path, mode, backlog, maxMessageBytes, onConnection): handle
Napi::Value ListenSeqpacket(const Napi::CallbackInfo& info) {
  std::string path = StringArgument(info[0], "path");
  SeqpacketServer::Options options{.mode = static_cast<mode_t>(IntegerArgument(info[1], "mode", 0, 0777)),
                                   .backlog = static_cast<int>(IntegerArgument(info[2], "backlog", 1, 65535)),
                                   .max_message_bytes = static_cast<size_t>(
                                       IntegerArgument(info[3], "maxMessageBytes", 1, kMaxMessageBytes))};
  Napi::Function on_connection = FunctionArgument(info[4], "onConnection");
  auto server = std::make_unique<SeqpacketServer>(info.Env(), path, options);
  SeqpacketServer& started = *server;
  Napi::Object handle = WrapHandle(info.Env(), std::move(server));
  started.Start(handle, on_connection);
  return handle;
}

// connectSeqpacket(path, maxMessageBytes): {handle, peer}
Napi::Value ConnectSeqpacket(const Napi::CallbackInfo& info) {
  constexpr const char* kCode = "ESEQPACKET_CONNECT";
  std::string path = StringArgument(info[0], "path");
  auto max_message_bytes =
      static_cast<size_t>(IntegerArgument(info[1], "maxMessageBytes", 1, kMaxMessageBytes));
  sockaddr_un address = SocketAddress(kCode, path);
  UniqueFd socket_fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_fd) FailErrno(kCode, "socket", errno, "cannot connect to " + path);
  if (connect(socket_fd.Get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
    FailErrno(kCode, "connect", errno, "cannot connect to " + path);
  auto connection =
      std::make_unique<SeqpacketConnection>(info.Env(), std::move(socket_fd), max_message_bytes);
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("peer", connection->peer().ToObject(info.Env()));
  object.Set("handle", WrapHandle(info.Env(), std::move(connection)));
  return object;
}

// startSeqpacketConnection(handle, onEvent)
Napi::Value StartSeqpacketConnection(const Napi::CallbackInfo& info) {
  auto& connection = UnwrapHandle<SeqpacketConnection>(info[0], "handle");
  connection.Start(info[0].As<Napi::Object>(), FunctionArgument(info[1], "onEvent"));
  return info.Env().Undefined();
}

// sendSeqpacket(handle, data, fds)
Napi::Value SendSeqpacket(const Napi::CallbackInfo& info) {
  auto& connection = UnwrapHandle<SeqpacketConnection>(info[0], "handle");
  std::span<const uint8_t> data = BytesArgument(info[1], "data");
  if (data.empty()) FailArgument("a message that is not empty", "data", info[1]);
  Napi::Array list = ArrayArgument(info[2], "fds");
  if (list.Length() > 253) FailArgument("at most 253 file descriptors", "fds", info[2]);
  std::vector<int> fds;
  for (uint32_t i = 0; i < list.Length(); i++) fds.push_back(FdArgument(list.Get(i), "fds"));
  connection.Send(data, fds);
  return info.Env().Undefined();
}

// isSeqpacketPeerAlive(handle): boolean
Napi::Value IsSeqpacketPeerAlive(const Napi::CallbackInfo& info) {
  auto& connection = UnwrapHandle<SeqpacketConnection>(info[0], "handle");
  return Napi::Boolean::New(info.Env(), connection.peer().IsAlive());
}
}  // namespace

void RegisterSeqpacket(Napi::Object exports) {
  Export<ListenSeqpacket>(exports, "listenSeqpacket");
  Export<CloseHandle<SeqpacketServer>>(exports, "closeSeqpacketServer");
  Export<ConnectSeqpacket>(exports, "connectSeqpacket");
  Export<StartSeqpacketConnection>(exports, "startSeqpacketConnection");
  Export<SendSeqpacket>(exports, "sendSeqpacket");
  Export<IsSeqpacketPeerAlive>(exports, "isSeqpacketPeerAlive");
  Export<CloseHandle<SeqpacketConnection>>(exports, "closeSeqpacketConnection");
}
