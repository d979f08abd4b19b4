//! Lines for the machine's syslog, as the C library's `syslog` sends them.
//!
//! A line is one datagram. Where the daemon is away or does not keep up, lines are lost rather than
//! calls held up; the next line that gets through says how many.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// The facility `local0`, where KAZOO logs.
const LOCAL0: u8 = 16;
/// What rsyslog takes without being told otherwise, less its own head.
const LONGEST: usize = 8000;

/// The way to one syslog daemon; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Syslog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    socket: UnixDatagram,
    path: PathBuf,
    lost: AtomicU64,
}

impl Syslog {
    /// Fails where nobody listens there.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        // Only to see whether it is there: each line is sent to the path anew, so that a daemon
        // may be restarted.
        UnixDatagram::unbound()?.connect(path)?;
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        let inner = Inner { socket, path: path.to_owned(), lost: AtomicU64::new(0) };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn send(&self, severity: u8, line: &[u8]) {
        let lost = self.inner.lost.swap(0, Ordering::Relaxed);
        // Without a time: every daemon puts its own there.
        let mut datagram =
            format!("<{}>kazoo-dynamic-cid[{}]: ", LOCAL0 * 8 + severity, std::process::id())
                .into_bytes();
        if lost > 0 {
            datagram.extend_from_slice(format!("({lost} lines before this were lost) ").as_bytes());
        }
        let end = line.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
        let end = end.min(LONGEST);
        let line = line.get(..end).unwrap_or_default();
        datagram.extend(line.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
        if self.inner.socket.send_to(&datagram, &self.inner.path).is_err() {
            self.inner.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

/// One line on its way.
#[derive(Debug)]
pub(super) struct Line {
    syslog: Syslog,
    severity: u8,
}

impl Write for Line {
    /// The formatter hands a line over whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.syslog.send(self.severity, line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Syslog {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { syslog: self.clone(), severity: severity(Level::INFO) }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line {
        Line { syslog: self.clone(), severity: severity(*metadata.level()) }
    }
}

/// Syslog's own numbers: `err`, `warning`, `info`, `debug`.
fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_lost_are_told_by_the_next_that_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(Syslog::at(&path).is_err());
        let server = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::at(&path).unwrap();
        drop(server);
        std::fs::remove_file(&path).unwrap();
        syslog.send(6, b"one\n");
        syslog.send(6, b"two\n");
        let server = UnixDatagram::bind(&path).unwrap();
        let long = vec![b'x'; 20_000];
        syslog.send(3, &long);
        let mut line = vec![0; 20_000];
        let length = server.recv(&mut line).unwrap();
        let text = String::from_utf8_lossy(&line[..length]);
        assert!(text.starts_with("<131>kazoo-dynamic-cid["), "{}", &text[..60]);
        assert!(text.contains("(2 lines before this were lost) xxx"), "{}", &text[..100]);
        assert!(length < LONGEST + 200, "{length}");
    }
}
