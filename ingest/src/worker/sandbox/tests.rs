//! What a confined thread can still do. Threads of the test are confined, not the test's process.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::*;

/// Runs a function in a thread of its own and returns its result.
fn in_thread<T: Send + 'static>(deeds: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(deeds).join().unwrap()
}

/// What a stranger's code would try, and the error that it got.
fn deeds(directory: &Path, port: u16) -> Vec<(&'static str, Option<io::Error>)> {
    let file = directory.join("file");
    vec![
        ("read a file", File::open(&file).err()),
        ("write a file", fs::write(&file, "changed").err()),
        ("make a file", File::create(directory.join("new")).err()),
        ("remove a file", fs::remove_file(&file).err()),
        ("rename a file", fs::rename(&file, directory.join("other")).err()),
        ("list a directory", fs::read_dir(directory).err()),
        ("connect", TcpStream::connect(("127.0.0.1", port)).err()),
        ("listen", TcpListener::bind("127.0.0.1:0").err()),
        ("start a shell", Command::new("/bin/sh").args(["-c", "exit"]).status().err()),
    ]
}

/// A directory with a file, and the port of a server.
fn targets() -> (tempfile::TempDir, TcpListener, u16) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "content").unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    (directory, server, port)
}

/// Catches: the filter lets a call pass that opens files, sockets or programs; it does not hold in
/// a thread that starts later.
#[test]
fn the_filter_denies_files_sockets_and_programs() {
    let (directory, _server, port) = targets();
    let path = directory.path().to_owned();
    let results = in_thread(move || {
        system_calls::restrict().unwrap();
        let mut results = in_thread(move || deeds(&path, port));
        let this = rustix::process::getpid();
        results.extend([
            ("make a datagram socket", UdpSocket::bind("127.0.0.1:0").err()),
            ("make a pair of sockets", UnixStream::pair().err()),
            ("send a signal", rustix::process::test_kill_process(this).err().map(Into::into)),
        ]);
        results
    });
    for (deed, error) in results {
        let code = error.as_ref().and_then(io::Error::raw_os_error);
        assert_eq!(code, Some(libc::ENOSYS), "{deed}: {error:?}");
    }
    assert_eq!(fs::read_to_string(directory.path().join("file")).unwrap(), "content");
}

/// Catches: a decoder cannot allocate, start threads, wait, or read the video that it got.
#[test]
fn a_confined_thread_can_compute_and_read_its_file() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"content").unwrap();
    let video = crate::decode::VideoFile::new(file, "a.mp4".to_owned(), 7);
    let content = in_thread(move || {
        confine(SandboxMode::On);
        let threads: Vec<_> = (1..=4_usize)
            .map(|number| {
                thread::Builder::new().name(format!("decoder {number}")).spawn(move || {
                    thread::sleep(std::time::Duration::from_millis(1));
                    vec![1_u8; number << 24].iter().map(|&byte| usize::from(byte)).sum::<usize>()
                })
            })
            .collect();
        let total: usize = threads.into_iter().map(|thread| thread.unwrap().join().unwrap()).sum();
        assert_eq!(total, 10 << 24);
        let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(1)));
        assert!(caught.is_err());
        let mut content = String::new();
        video.reader().read_to_string(&mut content).unwrap();
        content
    });
    assert_eq!(content, "content");
}

/// Catches: Landlock allows something, which a gap in the filter would then allow. Skips on a
/// kernel without Landlock, and says so.
#[test]
fn landlock_denies_files_network_and_programs() {
    let (directory, _server, port) = targets();
    let path = directory.path().to_owned();
    let results =
        in_thread(move || landlock::restrict().map(|()| in_thread(move || deeds(&path, port))));
    let results = match results {
        Ok(results) => results,
        Err(gap) => {
            eprintln!("skipped: {gap}");
            return;
        }
    };
    let (network, files): (Vec<_>, Vec<_>) =
        results.into_iter().partition(|(deed, _)| ["connect", "listen"].contains(deed));
    for (deed, error) in files {
        let kind = error.as_ref().map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::PermissionDenied), "{deed}: {error:?}");
    }
    if network.iter().all(|(_, error)| error.is_none()) {
        eprintln!("skipped in part: Landlock of this kernel does not know the network");
        return;
    }
    for (deed, error) in network {
        let kind = error.as_ref().map(io::Error::kind);
        assert_eq!(kind, Some(io::ErrorKind::PermissionDenied), "{deed}: {error:?}");
    }
}

/// Catches: `off` confines a decoder anyway, or `on` reports a gap that is none.
#[test]
fn the_mode_decides() {
    let (directory, _server, port) = targets();
    let path = directory.path().to_owned();
    let (confinement, results) = in_thread(move || (confine(SandboxMode::Off), deeds(&path, port)));
    assert_eq!(confinement.gap(), None);
    for (deed, error) in results {
        let expected = deed == "rename a file";
        assert_eq!(error.is_some(), expected, "{deed}: {error:?}");
    }
    let confinement = in_thread(|| confine(SandboxMode::Required));
    let lacks_landlock = in_thread(|| landlock::restrict().is_err());
    assert_eq!(confinement.gap().is_some(), lacks_landlock, "{confinement:?}");
}
