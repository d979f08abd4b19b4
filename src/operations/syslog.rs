//! Lines for the machine's syslog, as the C library's `syslog` sends them.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use super::daemon::{self, Daemon};

/// What the lines are named by.
pub(super) const PROGRAM: &str = "kazoo-dynamic-cid";
/// The facility `local0`, where KAZOO logs.
pub(super) const LOCAL0: u8 = 16;
/// What rsyslog takes without being told otherwise, less its own head.
const LONGEST: usize = 8000;

/// The way to one syslog daemon; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Syslog {
    daemon: Arc<Daemon>,
}

impl Syslog {
    /// Fails where nobody listens there.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { daemon: Arc::new(Daemon::at(path)?) })
    }

    fn send(&self, severity: u8, line: &[u8]) {
        let end = line.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
        let line = line.get(..end.min(LONGEST)).unwrap_or_default();
        self.daemon.send(|lost| {
            // Without a time: every daemon puts its own there.
            let (priority, id) = (LOCAL0 * 8 + severity, std::process::id());
            let head = format!("<{priority}>{PROGRAM}[{id}]: {}", daemon::remark(lost));
            let mut datagram = head.into_bytes();
            datagram.extend(line.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
            datagram
        });
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
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

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
