//! The sandbox of decoder processes: hostile decoders, inherited descriptors, old kernels.

#[path = "support/test_dir.rs"]
mod support;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use seccompiler::{SeccompAction, SeccompFilter};
use support::{TestDir, code, stderr};

/// A library that takes the place of the function of FFmpeg that opens a video.
///
/// It tries what a hostile video would try, reports the results, and then opens the video.
const HOSTILE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void report(const char *deed, int failed) {
    // `dprintf` would seek first, which is denied.
    char line[200];
    snprintf(line, sizeof line, "deed: %s: %s\n", deed, failed ? strerror(errno) : "done");
    if (write(2, line, strlen(line)) < 0) _exit(1);
}

int avformat_open_input(void **context, const char *url, void *format, void **options) {
    char *shell[] = {"sh", "-c", "exit", NULL};
    struct rlimit limit;
    pid_t child;
    report("read a file", open("/etc/passwd", O_RDONLY) < 0);
    report("write a file", open("/dev/null", O_WRONLY) < 0);
    report("make a socket", socket(AF_INET, SOCK_STREAM, 0) < 0);
    report("make a local socket", socket(AF_UNIX, SOCK_STREAM, 0) < 0);
    errno = posix_spawn(&child, "/bin/sh", NULL, NULL, shell, NULL);
    report("start a shell", errno);
    child = fork();
    if (child == 0) _exit(0);
    report("fork", child < 0);
    report("trace a process", ptrace(PTRACE_ATTACH, getpid() + 1000000, 0, 0) < 0);
    report("signal the supervisor", kill(getppid(), 0) < 0);
    getrlimit(RLIMIT_NPROC, &limit);
    report("set a limit", setrlimit(RLIMIT_NPROC, &limit) < 0);
    report("make code", mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                            == MAP_FAILED);
    int (*next)(void **, const char *, void *, void **) = dlsym(RTLD_NEXT, "avformat_open_input");
    return next(context, url, format, options);
}
"#;

/// The deeds of the hostile library, each with its result.
fn deeds(output: &Output) -> Vec<(String, String)> {
    let deed = |line: &str| {
        let (deed, result) = line.strip_prefix("deed: ")?.split_once(": ")?;
        Some((deed.to_owned(), result.to_owned()))
    };
    stderr(output).lines().filter_map(deed).collect()
}

/// Catches: a video that takes over its decoder reads files, talks to others, or starts programs.
#[test]
fn a_hostile_decoder_is_denied() {
    let dir = TestDir::with_samples(1);
    let (source, library) = (dir.path("hostile.c"), dir.path("hostile.so"));
    fs::write(&source, HOSTILE).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", library.as_str(), source.as_str(), "-ldl"])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no C compiler");
        return;
    }
    let run = |settings: &[&str]| {
        let output = dir
            .command(settings)
            .args(["--replace", "-vv"])
            .env("LD_PRELOAD", &library)
            .output()
            .unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(dir.clips(None).len(), 1, "the video is decoded");
        deeds(&output)
    };
    let free = run(&["ingest.decoder.sandbox=\"off\"", "ingest.fps=9"]);
    let done = free.iter().filter(|(_, result)| result == "done").count();
    assert!(free.len() >= 10 && done >= free.len() - 1, "without a sandbox: {free:?}");
    let confined = run(&[]);
    assert_eq!(confined.len(), free.len());
    for (deed, result) in confined {
        assert_eq!(result, "Function not implemented", "{deed}");
    }
}

/// Catches: a thread of the decoder is not confined, or the decoder has a descriptor that the
/// user's shell left open.
#[test]
fn a_decoder_has_only_its_video() {
    let dir = TestDir::new();
    dir.sample(1, 900, 1);
    let video = dir.path("videos/episode-00000.mp4");
    let leak = dir.path("leak");
    let run = dir.command(&["ingest.threads=2"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec 9>\"$0\"; exec \"$@\"", leak.as_str()]);
    shell.arg(run.get_program()).args(run.get_args()).stderr(Stdio::piped());
    let run = shell.spawn().unwrap();
    let decoder = support::wait_for(Duration::from_secs(20), || {
        support::children(run.id())
            .into_iter()
            .find(|&child| support::has_open(child, video.as_std_path()))
    });
    let open: Vec<_> = fs::read_dir(format!("/proc/{decoder}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .collect();
    let threads: Vec<String> = fs::read_dir(format!("/proc/{decoder}/task"))
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("status")).ok())
        .collect();
    let output = run.wait_with_output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(leak.is_file(), "the shell has the descriptor");
    assert_eq!(open.len(), 4, "stdin, stdout, stderr and the video: {open:?}");
    assert!(threads.len() >= 2, "{threads:?}");
    for status in threads {
        let filtered = status.contains("Seccomp:\t2\n") && status.contains("NoNewPrivs:\t1\n");
        assert!(filtered, "{status}");
    }
}

/// Runs a command as on a kernel that has neither Landlock nor seccomp.
fn on_an_old_kernel(command: Command) -> Output {
    under_a_filter(command, SeccompAction::Errno(libc::ENOSYS.cast_unsigned()))
}

/// Runs a command under a filter that does not let it confine itself.
fn under_a_filter(mut command: Command, answer: SeccompAction) -> Output {
    let lacking = [libc::SYS_landlock_create_ruleset, libc::SYS_seccomp];
    let rules = lacking.into_iter().map(|call| (call, Vec::new())).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        answer,
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: seccompiler::BpfProgram = filter.unwrap().try_into().unwrap();
    // A filter holds for the thread that applies it, and for the programs that it starts.
    std::thread::spawn(move || {
        seccompiler::apply_filter(&program).unwrap();
        command.output().unwrap()
    })
    .join()
    .unwrap()
}

/// Catches: ingest decodes unconfined without a word, warns for every file or decoder, or does not
/// run at all on an old kernel.
#[test]
fn an_old_kernel_gives_one_warning() {
    let dir = TestDir::with_samples(40);
    let output = on_an_old_kernel(dir.command(&["ingest.threads=3"]));
    let said = stderr(&output);
    assert_eq!(code(&output), 0, "{said}");
    assert_eq!(dir.clips(None).len(), 40);
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("confined")).collect();
    assert_eq!(warnings.len(), 1, "{said}");
    assert!(warnings[0].contains("Landlock") && warnings[0].contains("seccomp"), "{said}");

    let mut off = dir.command(&["ingest.decoder.sandbox=\"off\"", "ingest.fps=9"]);
    off.arg("--replace");
    let quiet = on_an_old_kernel(off);
    assert_eq!(code(&quiet), 0, "{}", stderr(&quiet));
    assert!(!stderr(&quiet).contains("confined"), "{}", stderr(&quiet));
}

/// Catches: `required` decodes unconfined, or fails on a kernel that can confine.
#[test]
fn required_means_confined() {
    let dir = TestDir::with_samples(1);
    let required = "ingest.decoder.sandbox=\"required\"";
    let output = on_an_old_kernel(dir.command(&[required]));
    let said = stderr(&output);
    assert_eq!(code(&output), 1, "{said}");
    assert!(said.contains("\"required\"") && said.contains("Landlock"), "{said}");
    assert!(!dir.root().join("manifest").exists(), "it has changed the dataset");

    let output = dir.run(&[required]);
    if code(&output) == 1 && stderr(&output).contains("Landlock") {
        eprintln!("skipped in part: this kernel has no Landlock: {}", stderr(&output));
        return;
    }
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(dir.clips(None).len(), 1);
}

/// Catches: under a systemd unit whose filter ends decoders, every video counts as one that crashes
/// its decoder, and is never tried again.
#[test]
fn a_decoder_that_cannot_start_is_not_the_fault_of_a_video() {
    let dir = TestDir::with_samples(1);
    for mode in ["on", "required"] {
        let mode = format!("ingest.decoder.sandbox={mode:?}");
        let output = under_a_filter(dir.command(&[&mode]), SeccompAction::KillProcess);
        let said = stderr(&output);
        assert_eq!(code(&output), 1, "{said}");
        assert!(said.contains("SystemCallFilter"), "{said}");
    }
    let output = dir.run(&[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(dir.clips(None).len(), 1);
}
