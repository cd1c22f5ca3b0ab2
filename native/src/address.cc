// SPDX-License-Identifier: Apache-2.0
#include "address.hpp"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <map>

#include "argument.hpp"
#include "netns_operation.hpp"

int FamilyArgument(const Napi::Value& value, const char* name) {
  std::string text = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  if (text != "ipv4" && text != "ipv6") FailArgument("'ipv4' or 'ipv6'", name, value);
  return text == "ipv4" ? AF_INET : AF_INET6;
}

const char* FamilyName(int family) { return family == AF_INET ? "ipv4" : "ipv6"; }

std::vector<uint8_t> ParseAddress(int family, const std::string& text) {
  std::vector<uint8_t> bytes(AddressBits(family) / 8);
  if (inet_pton(family, text.c_str(), bytes.data()) != 1) bytes.clear();
  return bytes;
}

std::string FormatAddress(int family, std::span<const uint8_t> bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  if (bytes.size() >= AddressBits(family) / 8u) inet_ntop(family, bytes.data(), text, sizeof text);
  return text;
}

std::string InterfaceName(uint32_t index) {
  char name[IF_NAMESIZE] = "";
  return if_indextoname(index, name) ? name : "";
}

namespace {
struct Address {
  int family;
  std::string address;
  uint8_t prefix_length;
  uint32_t interface_index;
  std::string interface_name;
  const char* scope;
  bool tentative;
};

const char* ScopeName(uint8_t scope) {
  switch (scope) {
    case RT_SCOPE_UNIVERSE: return "global";
    case RT_SCOPE_LINK: return "link";
    case RT_SCOPE_HOST: return "host";
    case RT_SCOPE_SITE: return "site";
    default: return "other";
  }
}

Address ReadAddress(const NetlinkMessage& message) {
  auto body = message.Body<ifaddrmsg>();
  uint32_t flags = body.ifa_flags;
  std::string own, peer;
  for (const NetlinkAttribute& attribute : message.Attributes(sizeof body)) {
    if (attribute.type == IFA_LOCAL) own = FormatAddress(body.ifa_family, attribute.data);
    if (attribute.type == IFA_ADDRESS) peer = FormatAddress(body.ifa_family, attribute.data);
    if (attribute.type == IFA_FLAGS) flags = attribute.As<uint32_t>().value_or(flags);
  }
  // On a point-to-point interface IFA_ADDRESS is the other end's.
  return {body.ifa_family,           own.empty() ? peer : own,      body.ifa_prefixlen, body.ifa_index, "",
          ScopeName(body.ifa_scope), (flags & IFA_F_TENTATIVE) != 0};
}

class ListAddresses : public NetnsOperation {
 public:
  std::string Describe() const override { return "addresses"; }

  void Perform(NetnsSession& session) override {
    NetlinkRequest request(RTM_GETADDR, 0, ifaddrmsg{.ifa_family = AF_UNSPEC});
    std::vector<uint8_t> reply = session.route().Dump(request, "RTM_GETADDR");
    std::map<uint32_t, std::string> names;
    for (const NetlinkMessage& message : NetlinkMessages(reply)) {
      if (message.type() != RTM_NEWADDR) continue;
      Address address = ReadAddress(message);
      if (address.family != AF_INET && address.family != AF_INET6) continue;
      auto [name, first] = names.try_emplace(address.interface_index);
      if (first) name->second = InterfaceName(address.interface_index);
      address.interface_name = name->second;
      addresses_.push_back(std::move(address));
    }
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Array list = Napi::Array::New(env, addresses_.size());
    for (uint32_t i = 0; i < addresses_.size(); i++) {
      const Address& address = addresses_[i];
      Napi::Object object = Napi::Object::New(env);
      object.Set("family", FamilyName(address.family));
      object.Set("address", address.address);
      object.Set("prefixLength", Napi::Number::New(env, address.prefix_length));
      object.Set("interfaceIndex", Napi::Number::New(env, address.interface_index));
      object.Set("interfaceName", address.interface_name);
      object.Set("scope", address.scope);
      object.Set("tentative", Napi::Boolean::New(env, address.tentative));
      list.Set(i, object);
    }
    return list;
  }

 private:
  std::vector<Address> addresses_;
};

class ReadLinkFlags : public NetnsOperation {
 public:
  explicit ReadLinkFlags(std::string name) : name_(std::move(name)) {}
  std::string Describe() const override { return "link-flags " + name_; }

  void Perform(NetnsSession& session) override {
    index_ = if_nametoindex(name_.c_str());
    if (!index_ && errno != ENODEV) throw KernelError{"if_nametoindex", errno, ""};
    if (!index_) return;
    ifreq request{};
    name_.copy(request.ifr_name, IFNAMSIZ - 1);
    if (ioctl(session.route().fd(), SIOCGIFFLAGS, &request) < 0) index_ = 0;  // gone since
    up_ = request.ifr_flags & IFF_UP;
  }

  Napi::Value Result(Napi::Env env) override {
    if (!index_) return env.Undefined();
    Napi::Object object = Napi::Object::New(env);
    object.Set("up", Napi::Boolean::New(env, up_));
    object.Set("index", Napi::Number::New(env, index_));
    return object;
  }

 private:
  std::string name_;
  uint32_t index_ = 0;
  bool up_ = false;
};
}  // namespace

OperationPointer ParseAddressOperation(const std::string& op, const Napi::Object& object) {
  if (op == "addresses") return std::make_unique<ListAddresses>();
  if (op == "link-flags") return std::make_unique<ReadLinkFlags>(StringArgument(object.Get("name"), "name"));
  return nullptr;
}
