// SPDX-License-Identifier: Apache-2.0
// Attaches a connect4 program named "exclusive" to the cgroup argv[1] without BPF_F_ALLOW_MULTI, as a stranger would.
// It stays attached until the cgroup is removed.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>

int main(int argc, char** argv) {
  struct bpf_insn allow[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_INET4_CONNECT);
  int program = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "exclusive", "GPL", allow, 2, &options);
  int cgroup = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
  if (program < 0 || cgroup < 0 || bpf_prog_attach(program, cgroup, BPF_CGROUP_INET4_CONNECT, 0)) {
    perror("exclusive");
    return 1;
  }
  return 0;
}
