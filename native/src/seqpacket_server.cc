// SPDX-License-Identifier: Apache-2.0
#include "seqpacket_server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <optional>

#include "argument.hpp"
#include "seqpacket_address.hpp"
#include "seqpacket_connection.hpp"

namespace {
constexpr const char* kListen = "ESEQPACKET_LISTEN";
constexpr int kAcceptsPerWake = 64;  // then other work of the loop gets its turn

// Removes what a server that ended without cleaning up left behind. A socket that still answers is
// somebody's.
void RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat status;
  if (lstat(path.c_str(), &status) < 0) return;
  if (!S_ISSOCK(status.st_mode)) FailErrno(kListen, "bind", EEXIST, path + " is not a socket");
  UniqueFd probe(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) FailErrno(kListen, "socket", errno, "cannot listen on " + path);
  if (connect(probe.Get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno != ECONNREFUSED)
    FailErrno(kListen, "bind", EADDRINUSE, "somebody listens on " + path);
  unlink(path.c_str());
}

struct Accepted {
  std::unique_ptr<SeqpacketConnection> connection;
  std::optional<Failure> failure;
};

napi_value AcceptedArgument(napi_env env, size_t index, void* data) {
  Accepted& accepted = *static_cast<Accepted*>(data);
  try {
    if (index == 1) return accepted.failure ? accepted.failure->ToObject(env) : Napi::Env(env).Undefined();
    if (!accepted.connection) return Napi::Env(env).Undefined();
    Napi::Object object = Napi::Object::New(env);
    object.Set("peer", accepted.connection->peer().ToObject(env));
    object.Set("handle", WrapHandle(env, std::move(accepted.connection)));
    return object;
  } catch (const Napi::Error&) {  // the environment is ending
  } catch (const Failure&) {
  }
  return nullptr;
}
}  // namespace

SeqpacketServer::SeqpacketServer(Napi::Env env, const std::string& path, const Options& options)
    : Handle(env), path_(path), options_(options), reserve_(open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  try {
    Bind();
  } catch (const Failure&) {
    Close();
    throw;
  }
}

void SeqpacketServer::Bind() {
  sockaddr_un address = SocketAddress(kListen, path_);
  RemoveStale(path_, address);
  socket_.Reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) FailErrno(kListen, "socket", errno, "cannot listen on " + path_);
  // bind() gives the file the socket's own mode less the umask: it is never more open than asked, and no
  // umask of the process, which other threads share, is touched. The chmod gives back what the umask took,
  // before anybody can connect.
  if (fchmod(socket_.Get(), options_.mode) < 0)
    FailErrno(kListen, "fchmod", errno, "cannot listen on " + path_);
  if (bind(socket_.Get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    FailErrno(kListen, "bind", errno, "cannot listen on " + path_);
  struct stat status;
  if (lstat(path_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  if (chmod(path_.c_str(), options_.mode) < 0)
    FailErrno(kListen, "chmod", errno, "cannot listen on " + path_);
  if (listen(socket_.Get(), options_.backlog) < 0)
    FailErrno(kListen, "listen", errno, "cannot listen on " + path_);
}

void SeqpacketServer::Start(Napi::Object self, Napi::Function on_connection) {
  on_connection_ = Napi::Persistent(on_connection);
  watch_.Start(shared_environment(), socket_.Get(), [this] { Accept(); });
  KeepReachable(self);
}

void SeqpacketServer::Accept() {
  // Each connection is a call into JavaScript, which may close this server.
  for (int i = 0; i < kAcceptsPerWake && !closed(); i++)
    if (!AcceptOne()) return;
}

bool SeqpacketServer::AcceptOne() {
  UniqueFd socket(accept4(socket_.Get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  int error = socket ? 0 : errno;
  if (error == EAGAIN) return false;
  if (error == EINTR || error == ECONNABORTED) return true;
  Accepted accepted;
  Napi::Env env(environment().env());
  Napi::HandleScope scope(env);
  try {
    if (error == EMFILE || error == ENFILE) RefuseOne();
    if (error) FailErrno("ESEQPACKET_ACCEPT", "accept4", error, "cannot accept a connection on " + path_);
    accepted.connection =
        std::make_unique<SeqpacketConnection>(env, std::move(socket), options_.max_message_bytes);
  } catch (const Failure& failure) {
    accepted.failure = failure;
  }
  CallFromLoop(env, on_connection_, 2, AcceptedArgument, &accepted);
  return !error;
}

// Otherwise the waiting connection would wake the loop again and again.
void SeqpacketServer::RefuseOne() {
  reserve_.Reset();
  UniqueFd refused(accept4(socket_.Get(), nullptr, nullptr, SOCK_CLOEXEC));
  refused.Reset();
  reserve_.Reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

void SeqpacketServer::OnClose() {
  watch_.Stop();
  socket_.Reset();
  reserve_.Reset();
  on_connection_.Reset();
  struct stat status;
  if (inode_ && lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    unlink(path_.c_str());
}
