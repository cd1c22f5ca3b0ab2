// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "argument.hpp"
#include "netns_operation.hpp"
#include "rule.hpp"
#include "sockdiag.hpp"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // 5.14
#endif

namespace {
class CountSockets : public NetnsOperation {
 public:
  explicit CountSockets(MarkSelection selection) : selection_(selection) {}
  std::string Describe() const override {
    return "count-sockets " + MarkText(selection_.mark, selection_.mask);
  }
  void Perform(NetnsSession& session) override {
    for (uint8_t family : {AF_INET, AF_INET6})
      count_ += DumpTcpSockets(session.diag(), family, kConnected, selection_).size();
  }
  Napi::Value Result(Napi::Env env) override {
    return Napi::Number::New(env, static_cast<double>(count_));
  }

 private:
  MarkSelection selection_;
  size_t count_ = 0;
};

// Packed: a list of objects would cost the event loop milliseconds for thousands of sockets.
class ListConnections : public NetnsOperation {
 public:
  std::string Describe() const override { return "connections"; }
  void Perform(NetnsSession& session) override {
    for (uint8_t family : {AF_INET, AF_INET6})
      for (const TcpSocket& socket : DumpTcpSockets(session.diag(), family, kConnected)) Pack(socket.message);
  }
  Napi::Value Result(Napi::Env env) override { return NewBytes(env, packed_.data(), packed_.size()); }

 private:
  void Pack(const inet_diag_msg& message) {
    const inet_diag_sockid& id = message.id;
    Append(MapAddress(message.idiag_family, id.idiag_src));
    Append(MapAddress(message.idiag_family, id.idiag_dst));
    Append(std::array{id.idiag_sport, id.idiag_dport});
  }
  template <typename Array>
  void Append(const Array& values) {
    auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    packed_.insert(packed_.end(), bytes, bytes + sizeof values);
  }

  std::vector<uint8_t> packed_;
};

class ListListeners : public NetnsOperation {
 public:
  explicit ListListeners(std::vector<uint16_t> ports) : ports_(std::move(ports)) {}
  std::string Describe() const override { return "listeners"; }
  void Perform(NetnsSession& session) override {
    for (uint8_t family : {AF_INET, AF_INET6})
      for (TcpSocket& socket : DumpTcpSockets(session.diag(), family, 1u << TCP_LISTEN))
        if (std::find(ports_.begin(), ports_.end(), socket.port()) != ports_.end())
          listeners_.push_back(std::move(socket));
  }
  Napi::Value Result(Napi::Env env) override {
    Napi::Array list = Napi::Array::New(env, listeners_.size());
    for (uint32_t i = 0; i < listeners_.size(); i++) {
      const TcpSocket& socket = listeners_[i];
      Napi::Object object = Napi::Object::New(env);
      object.Set("port", Napi::Number::New(env, socket.port()));
      object.Set("transparent",
                 socket.transparent ? Napi::Boolean::New(env, *socket.transparent) : env.Undefined());
      object.Set("mark", Napi::Number::New(env, socket.mark));
      object.Set("inode", Napi::Number::New(env, socket.message.idiag_inode));
      list.Set(i, object);
    }
    return list;
  }

 private:
  std::vector<uint16_t> ports_;
  std::vector<TcpSocket> listeners_;
};

class ReadCookie : public NetnsOperation {
 public:
  std::string Describe() const override { return "cookie"; }
  void Perform(NetnsSession& session) override {
    socklen_t size = sizeof cookie_;
    if (getsockopt(session.route().fd(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie_, &size) < 0)
      throw KernelError{"getsockopt(SO_NETNS_COOKIE)", errno,
                        errno == ENOPROTOOPT ? "Linux 5.14 has it" : ""};
  }
  Napi::Value Result(Napi::Env env) override { return Napi::BigInt::New(env, cookie_); }

 private:
  uint64_t cookie_ = 0;
};

std::vector<uint16_t> PortsArgument(const Napi::Value& value) {
  Napi::Array array = ArrayArgument(value, "ports");
  std::vector<uint16_t> ports;
  for (uint32_t i = 0; i < array.Length(); i++) {
    std::string name = "ports[" + std::to_string(i) + "]";
    ports.push_back(static_cast<uint16_t>(
        IntegerArgument(array.Get(i), name.c_str(), 1, std::numeric_limits<uint16_t>::max())));
  }
  return ports;
}
}  // namespace

MarkSelection MarkArgument(const Napi::Object& object) {
  constexpr uint32_t kMax = std::numeric_limits<uint32_t>::max();
  return {.mark = static_cast<uint32_t>(IntegerArgument(object.Get("mark"), "mark", 0, kMax)),
          .mask = static_cast<uint32_t>(IntegerArgument(object.Get("mask"), "mask", 0, kMax))};
}

OperationPointer ParseSocketOperation(const std::string& op, const Napi::Object& object) {
  if (op == "cookie") return std::make_unique<ReadCookie>();
  if (op == "connections") return std::make_unique<ListConnections>();
  if (op == "count-sockets") return std::make_unique<CountSockets>(MarkArgument(object));
  if (op == "listeners") return std::make_unique<ListListeners>(PortsArgument(object.Get("ports")));
  return nullptr;
}
