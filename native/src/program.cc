// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "argument.hpp"
#include "exports.hpp"
#include "feature.hpp"

Program::Program(Napi::Env env, UniqueFd descriptor, std::shared_ptr<LoadedObject> owner, bpf_program* program)
    : Handle(env), fd(std::move(descriptor)), object(std::move(owner)), source(program) {
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.Get(), &info, &size)) {
    int error = errno;
    Close();
    FailErrno("EBPF_OPEN", "bpf(BPF_OBJ_GET_INFO_BY_FD)", error, "cannot describe a program");
  }
}

void Program::OnClose() {
  fd.Reset();
  blank.clear();
  object.reset();
}

namespace {
Napi::Value DescribeProgram(const Napi::CallbackInfo& info) {
  Program& program = UnwrapHandle<Program>(info[0], "program");
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("name", program.name());
  result.Set("id", program.info.id);
  result.Set("type", ProgramTypeName(program.type()));
  return result;
}

// What these types answer to a run: their context; packets are what the others answer.
bool RunsOnContext(bpf_prog_type type) {
  return type == BPF_PROG_TYPE_SYSCALL || type == BPF_PROG_TYPE_RAW_TRACEPOINT || type == BPF_PROG_TYPE_SK_LOOKUP;
}

// testRun(program, data | undefined, context | undefined, repeat) -> {retval, durationNs, data}
Napi::Value TestRun(const Napi::CallbackInfo& info) {
  Program& program = UnwrapHandle<Program>(info[0], "program");
  std::vector<uint8_t> context, output;
  LIBBPF_OPTS(bpf_test_run_opts, run);
  if (!info[1].IsUndefined()) {
    auto data = BytesArgument(info[1], "data");
    output.resize(data.size() + 4096);
    run.data_in = data.data();
    run.data_size_in = uint32_t(data.size());
    run.data_out = output.data();
    run.data_size_out = uint32_t(output.size());
  }
  if (!info[2].IsUndefined()) {
    auto bytes = BytesArgument(info[2], "ctx");
    context.assign(bytes.begin(), bytes.end());
    run.ctx_in = context.data();
    run.ctx_size_in = uint32_t(context.size());
    // a syscall program's context is written back in place
    if (program.type() == BPF_PROG_TYPE_SK_LOOKUP) {
      run.ctx_out = context.data();
      run.ctx_size_out = run.ctx_size_in;
    }
  }
  run.repeat = int(IntegerArgument(info[3], "repeat", 0, 100'000'000));
  if (bpf_prog_test_run_opts(program.fd.Get(), &run)) {
    int error = errno;
    if (error == 524 || error == EOPNOTSUPP)
      FailUnsupported("running " + program.name() + " (" + ProgramTypeName(program.type()) + ") by test", "newer");
    FailErrno("EBPF_TEST_RUN", "bpf(BPF_PROG_TEST_RUN)", error, "cannot run program " + program.name());
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("retval", run.retval);
  result.Set("durationNs", run.duration);
  const auto& bytes = RunsOnContext(program.type()) ? context : output;
  result.Set("data", NewBytes(info.Env(), bytes.data(), &bytes == &output ? run.data_size_out : bytes.size()));
  return result;
}
}  // namespace

void RegisterProgram(Napi::Object exports) {
  Export<DescribeProgram>(exports, "describeProgram");
  Export<TestRun>(exports, "testRun");
  Export<CloseHandle<Program>>(exports, "closeProgram");
  RegisterInstance(exports);
}
