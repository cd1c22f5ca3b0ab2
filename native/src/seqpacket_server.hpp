// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/stat.h>

#include <string>

#include "environment.hpp"
#include "fd.hpp"
#include "watch_fd.hpp"

// A listening unix SOCK_SEQPACKET socket.
class SeqpacketServer : public Handle {
 public:
  static constexpr napi_type_tag kTag = {0x51b2f7a80c9d4163, 0xb6e8340f1d7c925a};
  static constexpr const char* kName = "seqpacket server";

  struct Options {
    mode_t mode;
    int backlog;
    size_t max_message_bytes;
  };

  SeqpacketServer(Napi::Env env, const std::string& path, const Options& options);
  ~SeqpacketServer() override { Close(); }
  // `on_connection({handle, peer})`, or `on_connection(undefined, failure)` when one could not be accepted.
  void Start(Napi::Object self, Napi::Function on_connection);

 protected:
  void OnClose() override;

 private:
  void Bind();
  void Accept();
  bool AcceptOne();
  void RefuseOne();

  std::string path_;
  Options options_;
  UniqueFd socket_;
  UniqueFd reserve_;  // given up for a moment to refuse a connection when there are no descriptors left
  dev_t device_ = 0;  // of the socket file, so that only our own is removed
  ino_t inode_ = 0;
  FdWatch watch_;
  Napi::FunctionReference on_connection_;
};
