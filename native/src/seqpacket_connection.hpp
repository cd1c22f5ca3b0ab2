// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "environment.hpp"
#include "peer.hpp"
#include "watch_fd.hpp"

// One end of a connection that keeps message boundaries.
class SeqpacketConnection : public Handle {
 public:
  static constexpr napi_type_tag kTag = {0x3df80b91c62a4e75, 0xa4179e5c08d3b26f};
  static constexpr const char* kName = "seqpacket connection";

  SeqpacketConnection(Napi::Env env, UniqueFd socket, size_t max_message_bytes);
  ~SeqpacketConnection() override { Close(); }

  // `on_event(bytes, truncated)` for a message; `on_event(undefined, failure | undefined)` once, at the end,
  // when the handle is closed already.
  void Start(Napi::Object self, Napi::Function on_event);
  void Send(std::span<const uint8_t> data, std::span<const int> fds);
  const Peer& peer() const { return peer_; }

 protected:
  void OnClose() override;

 private:
  void Drain();
  bool ReceiveOne();  // false: nothing more now, or closed
  void Finish(std::optional<Failure> failure);

  UniqueFd socket_;
  Peer peer_;
  std::vector<uint8_t> buffer_;
  FdWatch watch_;
  Napi::FunctionReference on_event_;
};
