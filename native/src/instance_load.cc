// SPDX-License-Identifier: Apache-2.0
#include <uv.h>

#include <optional>

#include "argument.hpp"
#include "instance.hpp"

namespace {
// One load of an instance on a thread of libuv's pool. Owns itself until its callback came, which the end of the
// environment waits for.
class InstanceLoad : public Handle {
 public:
  InstanceLoad(Napi::Env env, Blueprint blueprint, Napi::Function settle)
      : Handle(env), blueprint_(std::move(blueprint)), settle_(Napi::Persistent(settle)) {
    work_.data = this;
  }
  ~InstanceLoad() override { Close(); }

  static void Start(std::unique_ptr<InstanceLoad> load) {
    auto work = [](uv_work_t* work) { static_cast<InstanceLoad*>(work->data)->Work(); };
    auto done = [](uv_work_t* work, int) { End(std::unique_ptr<InstanceLoad>(static_cast<InstanceLoad*>(work->data))); };
    int status = uv_queue_work(load->environment().loop(), &load->work_, work, done);
    if (status) FailErrno("EBPF_OPEN", "uv_queue_work", -status, "cannot load an instance");
    load->environment().BeginRequest();
    load.release();
  }

 protected:
  // The environment ends, or the load has: what has not begun is left out.
  void OnClose() override {
    settle_.Reset();
    uv_cancel(reinterpret_cast<uv_req_t*>(&work_));
  }

 private:
  void Work() {
    try {
      instance_ = blueprint_.Load();
    } catch (const Failure& failure) {
      failure_ = failure;
    } catch (const std::exception& error) {
      failure_ = Failure{.code = "EINTERNAL", .message = error.what()};
    }
  }

  static void End(std::unique_ptr<InstanceLoad> load) {
    std::shared_ptr<Environment> environment = load->shared_environment();
    if (!load->closed()) load->Settle();
    load.reset();
    environment->EndRequest();
  }

  void Settle() {
    CallFromLoop(
        environment().env(), settle_, 2,
        [](napi_env env, size_t index, void* load) { return static_cast<InstanceLoad*>(load)->Argument(env, index); },
        this);
  }

  // The program first: describing it may fail.
  napi_value Argument(napi_env env, size_t index) {
    try {
      if (index == 0 && !failure_) program_ = Describe(env);
      if (index == 0) return failure_ ? failure_->ToObject(env) : Napi::Env(env).Undefined();
      return failure_ ? napi_value(Napi::Env(env).Undefined()) : program_;
    } catch (const Napi::Error&) {  // the environment is ending
    } catch (const Failure&) {
    }
    return nullptr;
  }

  napi_value Describe(Napi::Env env) {
    try {
      return WrapHandle(env, blueprint_.Wrap(env, std::move(instance_)));
    } catch (const Failure& failure) {
      failure_ = failure;
      return nullptr;
    }
  }

  Blueprint blueprint_;
  Napi::FunctionReference settle_;
  uv_work_t work_{};
  Blueprint::Instance instance_;
  std::optional<Failure> failure_;
  napi_value program_ = nullptr;
};
}  // namespace

Napi::Value LoadInstance(const Napi::CallbackInfo& info) {
  Program& program = UnwrapHandle<Program>(info[0], "program");
  Blueprint blueprint(program, ArrayArgument(info[1], "patches"), BooleanArgument(info[2], "blank"));
  Napi::Function settle = FunctionArgument(info[3], "settle");
  InstanceLoad::Start(std::make_unique<InstanceLoad>(info.Env(), std::move(blueprint), settle));
  return info.Env().Undefined();
}
