//! Lines for systemd's journal, each of our fields as a field of its own.
//!
//! `MESSAGE` has the fields as well, for `journalctl` shows nothing else unless it is asked to. Each
//! entry is one datagram of systemd's native journal protocol.

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::daemon::{self, Daemon};
use super::syslog;

/// Where every journald listens.
pub(super) const SOCKET: &str = "/run/systemd/journal/socket";
/// The longest value of a field, in bytes: with all its fields an entry fits into a datagram.
const LONGEST: usize = 8000;
/// What journald or we give a meaning; a field of that name gets another one.
const TAKEN: [&str; 8] = [
    "MESSAGE",
    "MESSAGE_ID",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_FACILITY",
    "TARGET",
    "CODE_FILE",
    "CODE_LINE",
];

/// The way to the journal.
#[derive(Debug)]
pub(super) struct Journal {
    daemon: Daemon,
}

impl Journal {
    /// Fails where nobody listens there.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { daemon: Daemon::at(path)? })
    }
}

impl<S> Layer<S> for Journal
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().replace(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(around) = span.extensions().get::<Fields>() {
                fields.add(around);
            }
        }
        self.daemon.send(|lost| entry(event.metadata(), &fields, lost));
    }
}

/// What an event or a span says, in order.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
            return;
        }
        match self.others.iter_mut().find(|(name, _)| *name == field.name()) {
            Some((_, before)) => *before = value,
            None => self.others.push((field.name(), value)),
        }
    }

    /// Adds what a span around has; a name that is there already stays what it is.
    fn add(&mut self, around: &Self) {
        for (name, value) in &around.others {
            if !self.others.iter().any(|(known, _)| known == name) {
                self.others.push((name, value.clone()));
            }
        }
    }

    /// All of it in one line, whatever was in it: a value must not look like another entry.
    fn line(&self) -> String {
        let mut line = self.message.clone();
        for (name, value) in &self.others {
            let plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '=');
            // Writing into a text cannot fail.
            let _ = if !value.is_empty() && value.chars().all(plain) {
                write!(line, " {name}={value}")
            } else {
                write!(line, " {name}={value:?}")
            };
        }
        line.replace(['\n', '\r'], " ")
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

fn entry(metadata: &Metadata<'_>, fields: &Fields, lost: u64) -> Vec<u8> {
    let mut entry = Vec::with_capacity(1024);
    put(&mut entry, "MESSAGE", &format!("{}{}", daemon::remark(lost), fields.line()));
    put(&mut entry, "PRIORITY", &syslog::severity(*metadata.level()).to_string());
    put(&mut entry, "SYSLOG_IDENTIFIER", syslog::PROGRAM);
    put(&mut entry, "SYSLOG_FACILITY", &syslog::LOCAL0.to_string());
    put(&mut entry, "TARGET", metadata.target());
    if let Some(file) = metadata.file() {
        put(&mut entry, "CODE_FILE", file);
    }
    if let Some(line) = metadata.line() {
        put(&mut entry, "CODE_LINE", &line.to_string());
    }
    for (name, value) in &fields.others {
        put(&mut entry, &journal_name(name), value);
    }
    entry
}

/// A field with its length in front, so that its value may be of several lines.
fn put(entry: &mut Vec<u8>, name: &str, value: &str) {
    let end = (0..=value.len().min(LONGEST)).rev().find(|at| value.is_char_boundary(*at));
    let value = &value.as_bytes()[..end.unwrap_or_default()];
    entry.extend_from_slice(name.as_bytes());
    entry.push(b'\n');
    entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    entry.extend_from_slice(value);
    entry.push(b'\n');
}

/// A name as journald takes it: capital letters, digits and underscores, no underscore in front.
fn journal_name(field: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = field.chars().map(letter).collect();
    let name = name.trim_start_matches('_');
    if TAKEN.contains(&name) { format!("FIELD_{name}") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::net::UnixDatagram;

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// The entries that come of what is logged; a name that comes twice fails the test.
    fn entries(log: impl FnOnce()) -> Vec<BTreeMap<String, String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let server = UnixDatagram::bind(&path).unwrap();
        server.set_nonblocking(true).unwrap();
        let subscriber = tracing_subscriber::registry().with(Journal::at(&path).unwrap());
        tracing::subscriber::with_default(subscriber, log);
        let mut datagram = vec![0; 200_000];
        std::iter::from_fn(|| server.recv(&mut datagram).ok().map(|size| parse(&datagram[..size])))
            .collect()
    }

    fn parse(mut datagram: &[u8]) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        while !datagram.is_empty() {
            let end = datagram.iter().position(|byte| *byte == b'\n').unwrap();
            let name = String::from_utf8(datagram[..end].to_vec()).unwrap();
            let (length, rest) = datagram[end + 1..].split_at(8);
            let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            let value = String::from_utf8(rest[..length].to_vec()).unwrap();
            assert_eq!(rest[length], b'\n', "{name}");
            datagram = &rest[length + 1..];
            assert_eq!(fields.insert(name.clone(), value), None, "{name} twice");
        }
        fields
    }

    #[test]
    fn each_field_is_a_field_and_the_message_has_all() {
        let entries = entries(|| {
            let span = tracing::error_span!("call", call_id = "7c1e@10.0.0.5", mode = "list");
            let _inside = span.enter();
            tracing::warn!(reason = "entry", took_ms = 3, call_id = "other", "decided");
        });
        let [entry] = entries.as_slice() else { panic!("{entries:?}") };
        for (name, value) in [
            ("MESSAGE", "decided reason=entry took_ms=3 call_id=other mode=list"),
            ("PRIORITY", "4"),
            ("SYSLOG_FACILITY", "16"),
            ("SYSLOG_IDENTIFIER", "kazoo-dynamic-cid"),
            ("TARGET", module_path!()),
            ("CODE_FILE", file!()),
            ("REASON", "entry"),
            ("TOOK_MS", "3"),
            // The innermost counts.
            ("CALL_ID", "other"),
            ("MODE", "list"),
        ] {
            assert_eq!(entry.get(name).map(String::as_str), Some(value), "{name} of {entry:?}");
        }
    }

    #[test]
    fn a_value_cannot_pass_for_another_entry_or_another_field() {
        let entries = entries(|| {
            tracing::info!(number = "1\nPRIORITY=0", "priority" = "x y", empty = "", "a\nb");
            tracing::debug!(long = "ä".repeat(9000), "end");
        });
        let [lines, long] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!(
            lines["MESSAGE"], r#"a b number="1\nPRIORITY=0" priority="x y" empty="""#,
            "one line"
        );
        assert_eq!((lines["NUMBER"].as_str(), lines["PRIORITY"].as_str()), ("1\nPRIORITY=0", "6"));
        assert_eq!(lines["FIELD_PRIORITY"], "x y");
        assert_eq!((long["LONG"].len(), long["PRIORITY"].as_str()), (LONGEST, "7"));
    }

    #[test]
    fn what_a_span_is_told_later_is_on_its_lines() {
        let entries = entries(|| {
            let span = tracing::error_span!("call", account = tracing::field::Empty);
            span.record("account", "c1d0");
            span.in_scope(|| tracing::error!("gone"));
        });
        assert_eq!(entries[0]["ACCOUNT"], "c1d0");
        assert_eq!(entries[0]["MESSAGE"], "gone account=c1d0");
    }
}
