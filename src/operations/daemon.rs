//! The way to a log daemon of this machine: one datagram a line.
//!
//! Where the daemon is away or does not keep up, lines are lost rather than calls held up; the next
//! line that gets through says how many.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A daemon that listens on a socket in the file system.
#[derive(Debug)]
pub(super) struct Daemon {
    socket: UnixDatagram,
    path: PathBuf,
    lost: AtomicU64,
}

impl Daemon {
    /// Fails where nobody listens there.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        // Only to see whether it is there: each line is sent to the path anew, so that a daemon
        // may be restarted.
        UnixDatagram::unbound()?.connect(path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path: path.to_owned(), lost: AtomicU64::new(0) })
    }

    /// Sends what is made of the number of lines that were lost before this one.
    pub(super) fn send(&self, line: impl FnOnce(u64) -> Vec<u8>) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if self.socket.send_to(&line(lost), &self.path).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

/// What a line says of those lost before it: nothing where none was.
pub(super) fn remark(lost: u64) -> String {
    if lost == 0 { String::new() } else { format!("({lost} lines before this were lost) ") }
}
