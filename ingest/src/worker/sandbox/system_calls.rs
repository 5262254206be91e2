//! The system calls that a decoder may use: a seccomp filter.
//!
//! Other calls fail with `ENOSYS`. C libraries expect this answer from old kernels and then use an
//! older call. For example, glibc starts threads by `clone` if there is no `clone3`, whose
//! arguments a filter cannot see.

use std::collections::BTreeMap;

use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};

/// Calls that are allowed with any arguments.
const ALLOWED: &[libc::c_long] = &[
    // Memory. Calls that could make memory executable are in `conditional`.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads of this process.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_membarrier,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    // Signals to this process.
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Time.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    // Facts about the machine and this process.
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Reading the open video, and closing it.
    libc::SYS_close,
    libc::SYS_pread64,
];

/// Allows the calling thread only the system calls that decoding needs.
///
/// The error says in words what the kernel lacks.
pub fn restrict() -> Result<(), String> {
    let program = program().map_err(|error| format!("seccomp has no filter here ({error})"))?;
    seccompiler::apply_filter(&program)
        .map_err(|error| format!("seccomp does not work in this kernel ({error})"))
}

fn program() -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    rules.extend(conditional()?);
    let denied = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    SeccompFilter::new(rules, denied, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?
        .try_into()
}

/// Calls that are allowed with some arguments only.
fn conditional() -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let bits = |number: i32| u64::from(number.cast_unsigned());
    // The process cannot make new code executable.
    let not_executable = || argument(2, Qword, MaskedEq(bits(libc::PROT_EXEC)), 0);
    let anonymous = bits(libc::MAP_ANONYMOUS);
    let thread = bits(libc::CLONE_THREAD);
    let this = u64::from(std::process::id());
    let descriptor = |number: i32| argument(0, Dword, Eq, bits(number));
    let output = || {
        Ok(vec![
            SeccompRule::new(vec![descriptor(libc::STDOUT_FILENO)?])?,
            SeccompRule::new(vec![descriptor(libc::STDERR_FILENO)?])?,
        ])
    };
    let one = |conditions| Ok(vec![SeccompRule::new(conditions)?]);
    Ok(vec![
        (
            libc::SYS_mmap,
            one(vec![not_executable()?, argument(3, Qword, MaskedEq(anonymous), anonymous)?])?,
        ),
        (libc::SYS_mprotect, one(vec![not_executable()?])?),
        // A new thread, but no new process.
        (libc::SYS_clone, one(vec![argument(0, Qword, MaskedEq(thread), thread)?])?),
        // `abort` sends a signal to its own process.
        (libc::SYS_tgkill, one(vec![argument(0, Dword, Eq, this)?])?),
        // FFmpeg names its threads.
        (libc::SYS_prctl, one(vec![argument(0, Dword, Eq, bits(libc::PR_SET_NAME))?])?),
        // Reading a limit, but not setting one.
        (libc::SYS_prlimit64, one(vec![argument(2, Qword, Eq, 0)?])?),
        // Requests from the supervisor, and messages to it.
        (libc::SYS_recvmsg, one(vec![descriptor(libc::STDIN_FILENO)?])?),
        (libc::SYS_write, output()?),
        (libc::SYS_writev, output()?),
    ])
}

fn argument(
    index: u8,
    length: SeccompCmpArgLen,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(index, length, operator, value)
}
