//! Confines the decoder process before it sees a video: Landlock and seccomp.
//!
//! FFmpeg's demuxers and decoders are the target of hostile files. A decoder that runs a stranger's
//! code has what is left: memory, threads, the open video to read, and the pipe to its supervisor.
//!
//! - [`system_calls`] lists the system calls that decoding needs. All others fail as if the kernel
//!   lacked them: opening a file, a socket, another program, another process.
//! - [`landlock`] forbids the same for files, network and signals, whatever the system call is. So
//!   a gap in the list is no way out.
//!
//! Both set `no_new_privs`, and neither can be undone. They hold for the calling thread and for the
//! threads that it starts later. So [`confine`] is called while there is only one thread.

mod landlock;
mod system_calls;

use serde::{Deserialize, Serialize};

use crate::config::SandboxMode;

/// What a confined process lacks: nothing, if the kernel has all that is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    missing: Vec<String>,
}

impl Confinement {
    /// Describes what the kernel lacks, such as "this kernel has no Landlock".
    pub fn gap(&self) -> Option<String> {
        (!self.missing.is_empty()).then(|| self.missing.join(", and "))
    }
}

/// Confines the calling thread and its future threads, as far as the kernel can.
pub fn confine(mode: SandboxMode) -> Confinement {
    if mode == SandboxMode::Off {
        return Confinement::default();
    }
    // Landlock comes first, because the filter does not let its system calls pass.
    let parts = [landlock::restrict(), system_calls::restrict()];
    Confinement { missing: parts.into_iter().filter_map(Result::err).collect() }
}

#[cfg(test)]
mod tests;
