// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>

#include <memory>
#include <optional>

#include "argument.hpp"
#include "environment.hpp"
#include "exports.hpp"
#include "map.hpp"
#include "ring.hpp"

namespace {
// Delivers a ring to JavaScript. A wake delivers at once what is there; then the poll is disarmed until a one-shot
// timer has let further records gather. So the first record waits for nothing, a stream of them costs one batch for
// each coalesce interval, and silence costs nothing. The loop's callbacks and the handle share it, so it may be closed
// inside its own callback.
class Delivery {
 public:
  Delivery(napi_env env, const Map& map, Napi::Function on_batch, uint64_t coalesce, uint32_t limit)
      : env_(env), on_batch_(Napi::Persistent(on_batch)), coalesce_(coalesce), limit_(limit) {
    ring_.emplace(map.fd.Get(), map.info.max_entries);
  }

  static void Start(const std::shared_ptr<Delivery>& self, uv_loop_t* loop) {
    uv_timer_init(loop, &self->timer_);
    int error = uv_poll_init(loop, &self->poll_, self->ring_->fd());
    if (error) {
      uv_close(reinterpret_cast<uv_handle_t*>(&self->timer_), [](uv_handle_t* handle) {
        delete static_cast<std::shared_ptr<Delivery>*>(handle->data);
      });
      self->timer_.data = new std::shared_ptr<Delivery>(self);
      self->ring_.reset();
      FailErrno("EBPF_MAP", "epoll_ctl", -error, "cannot poll the ring buffer");
    }
    self->poll_.data = new std::shared_ptr<Delivery>(self);
    self->timer_.data = new std::shared_ptr<Delivery>(self);
    self->Arm();
  }

  // The memory of the ring is given back at once, the libuv handles when the loop lets go of them.
  void Stop(Environment& environment) {
    uv_poll_stop(&poll_);
    ring_.reset();
    on_batch_.Reset();
    for (auto* handle : {reinterpret_cast<uv_handle_t*>(&poll_), reinterpret_cast<uv_handle_t*>(&timer_)})
      environment.CloseLoopHandle(handle, [](uv_handle_t* closed) {
        delete static_cast<std::shared_ptr<Delivery>*>(closed->data);
      });
  }

  uint64_t wakeups() const { return wakeups_; }

  // In the caller's own stack: what the callback throws reaches the caller.
  void Flush(Napi::Env env) {
    for (;;) {
      Napi::HandleScope scope(env);
      napi_value records = nullptr;
      uint32_t taken = 0;
      if (!ring_ || !ring_->Take(env, limit_, &records, &taken)) return;
      if (taken) on_batch_.Call({records});
      if (taken < limit_) return;
    }
  }

 private:
  static std::shared_ptr<Delivery> Of(void* data) { return *static_cast<std::shared_ptr<Delivery>*>(data); }

  void Arm() {
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* poll, int, int) { Of(poll->data)->Woken(); });
  }

  void Woken() {
    wakeups_++;
    uv_poll_stop(&poll_);
    Deliver();
  }

  void Deliver() {
    auto self = shared_this();
    CallFromLoop(env_, on_batch_.operator napi_ref(), 1, Take, this);
    if (!ring_) return;  // closed by the callback
    // A full batch: the rest follows after the loop had a turn.
    if (taken_ == limit_)
      uv_timer_start(&timer_, [](uv_timer_t* timer) { Of(timer->data)->Deliver(); }, 0, 0);
    else if (coalesce_)
      uv_timer_start(&timer_, [](uv_timer_t* timer) { Of(timer->data)->Arm(); }, coalesce_, 0);
    else
      Arm();
  }

  std::shared_ptr<Delivery> shared_this() { return Of(timer_.data); }

  static napi_value Take(napi_env env, size_t, void* data) {
    auto* self = static_cast<Delivery*>(data);
    napi_value records = nullptr;
    self->taken_ = 0;
    if (!self->ring_->Take(env, self->limit_, &records, &self->taken_)) return nullptr;
    return records;  // null: nothing was there, and nothing is called
  }

  napi_env env_;
  std::optional<Ring> ring_;
  Napi::FunctionReference on_batch_;
  uint64_t coalesce_;
  uint32_t limit_;
  uint32_t taken_ = 0;
  uint64_t wakeups_ = 0;
  uv_poll_t poll_ = {};
  uv_timer_t timer_ = {};
};

class RingBuffer : public Handle {
 public:
  static constexpr const char* kName = "ring buffer";
  static constexpr napi_type_tag kTag = {0x6f1c29b54a7d4e05, 0x8d1f6c0ab3e25705};

  RingBuffer(Napi::Env env, std::shared_ptr<Delivery> started) : Handle(env), delivery(std::move(started)) {}
  ~RingBuffer() override { Close(); }

  std::shared_ptr<Delivery> delivery;

 protected:
  void OnClose() override { delivery->Stop(environment()); }
};

// openRingBuffer(map, onBatch, coalesceMs, maxBatch)
Napi::Value OpenRingBuffer(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Map& map = UnwrapHandle<Map>(info[0], "map");
  if (map.info.type != BPF_MAP_TYPE_RINGBUF) Fail("EINVALID_ARGUMENT", "map " + map.name() + " is no ring buffer");
  auto delivery = std::make_shared<Delivery>(env, map, FunctionArgument(info[1], "onBatch"),
                                             IntegerArgument(info[2], "coalesceMs", 0, 60'000),
                                             uint32_t(IntegerArgument(info[3], "maxBatch", 1, 1'000'000)));
  Delivery::Start(delivery, Environment::Of(env)->loop());
  auto handle = std::make_unique<RingBuffer>(env, std::move(delivery));
  RingBuffer* ring = handle.get();
  Napi::Object object = WrapHandle(env, std::move(handle));
  ring->KeepReachable(object);
  return object;
}

Napi::Value FlushRingBuffer(const Napi::CallbackInfo& info) {
  auto delivery = UnwrapHandle<RingBuffer>(info[0], "ring buffer").delivery;
  delivery->Flush(info.Env());
  return info.Env().Undefined();
}

// Also after close: a counter.
Napi::Value WakeupsOfRingBuffer(const Napi::CallbackInfo& info) {
  RingBuffer& ring = PeekHandle<RingBuffer>(info[0], "ring buffer");
  return Napi::Number::New(info.Env(), double(ring.delivery->wakeups()));
}
}  // namespace

void RegisterRingBuffer(Napi::Object exports) {
  Export<OpenRingBuffer>(exports, "openRingBuffer");
  Export<FlushRingBuffer>(exports, "flushRingBuffer");
  Export<WakeupsOfRingBuffer>(exports, "wakeupsOfRingBuffer");
  Export<CloseHandle<RingBuffer>>(exports, "closeRingBuffer");
}
