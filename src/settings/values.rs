//! The forms of single values. Each function takes trimmed, non-empty text and answers `Err` with
//! a sentence only where "not among what is allowed" does not say enough.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use url::Url;

use crate::operations::records::Masking;

/// Why a value was refused: `None` where the setting's list of allowed values says it.
pub(super) type Refusal = Option<&'static str>;

/// Bytes in a `KiB` and a `MiB`.
pub(super) const KIB: u64 = 1024;
pub(super) const MIB: u64 = 1024 * KIB;

/// Where HTTP is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// On this address; port 0 lets the system choose.
    On(SocketAddr),
}

impl fmt::Display for Listen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => out.write_str("off"),
            Self::On(address) => write!(out, "{address}"),
        }
    }
}

/// Who may open the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsoleAccess {
    /// Nobody.
    Off,
    /// Connections from this machine, whatever the listener is open to.
    Local,
    /// Whoever reaches the listener.
    On,
}

impl fmt::Display for ConsoleAccess {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Off => "off",
            Self::Local => "local",
            Self::On => "on",
        })
    }
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl fmt::Display for LogFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Where the service's log lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogTo {
    /// Standard output.
    Stdout,
    /// Journald's own socket, with each field as a field.
    Journald,
    /// The machine's syslog, at `/dev/log`.
    Syslog,
}

impl fmt::Display for LogTo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Stdout => "stdout",
            Self::Journald => "journald",
            Self::Syslog => "syslog",
        })
    }
}

/// The ways calls are taken over from KAZOO; at least one is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seams {
    /// Callflow nodes with `remote_execution`.
    pub execute: bool,
    /// Route requests of calls whose callflow begins with the action.
    pub route: bool,
}

impl fmt::Display for Seams {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match (self.execute, self.route) {
            (true, true) => "execute,route",
            (false, true) => "route",
            _ => "execute",
        })
    }
}

pub(super) fn listen(text: &str) -> Result<Listen, Refusal> {
    if text == "off" { Ok(Listen::Off) } else { text.parse().map(Listen::On).map_err(|_| None) }
}

pub(super) fn console(text: &str) -> Result<ConsoleAccess, Refusal> {
    let all = [ConsoleAccess::Off, ConsoleAccess::Local, ConsoleAccess::On];
    all.into_iter().find(|access| access.to_string() == text).ok_or(None)
}

/// Names or addresses, without a port: a page may be asked for on any.
pub(super) fn hosts(text: &str) -> Result<Vec<String>, Refusal> {
    let host = |name: &str| {
        let name = name.trim();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let fine = address.parse::<IpAddr>().is_ok() || name.chars().all(plain);
        (fine && !name.is_empty()).then(|| address.to_ascii_lowercase()).ok_or(None)
    };
    text.split(',').map(host).collect()
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Refusal> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(None),
    }
}

pub(super) fn log_to(text: &str) -> Result<LogTo, Refusal> {
    let all = [LogTo::Stdout, LogTo::Journald, LogTo::Syslog];
    all.into_iter().find(|it| it.to_string() == text).ok_or(None)
}

/// The address of a collector, which has no path and no login.
pub(super) fn otel_endpoint(text: &str) -> Result<Option<Url>, Refusal> {
    if text == "none" {
        return Ok(None);
    }
    let url = Url::parse(text).map_err(|_| None)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.path() == "/";
    if !matches!(url.scheme(), "http" | "https") || !plain || url.query().is_some() {
        return Err(None);
    }
    if cfg!(feature = "otel") {
        Ok(Some(url))
    } else {
        Err(Some("`none`: this binary was built without the feature `otel`"))
    }
}

pub(super) fn switch(text: &str) -> Result<bool, Refusal> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(None),
    }
}

pub(super) fn masking(text: &str) -> Result<Masking, Refusal> {
    [Masking::Off, Masking::On].into_iter().find(|it| masking_text(*it) == text).ok_or(None)
}

pub(super) fn masking_text(masking: Masking) -> &'static str {
    match masking {
        Masking::Off => "off",
        Masking::On => "on",
    }
}

pub(super) fn seams(text: &str) -> Result<Seams, Refusal> {
    let mut seams = Seams { execute: false, route: false };
    for name in text.split(',') {
        match name.trim() {
            "execute" => seams.execute = true,
            "route" => seams.route = true,
            _ => return Err(None),
        }
    }
    Ok(seams)
}

/// A whole number within bounds.
pub(super) fn whole_number(text: &str, allowed: RangeInclusive<u64>) -> Result<u64, Refusal> {
    text.parse().ok().filter(|number| allowed.contains(number)).ok_or(None)
}

/// A time such as `500ms`, `2s`, `1m30s`, `1h`; a bare number is seconds.
pub(super) fn duration(text: &str, allowed: RangeInclusive<Duration>) -> Result<Duration, Refusal> {
    let milliseconds = match text.parse::<u64>() {
        Ok(seconds) => seconds.checked_mul(1000),
        Err(_) => with_units(text),
    };
    milliseconds.map(Duration::from_millis).filter(|time| allowed.contains(time)).ok_or(None)
}

fn with_units(mut rest: &str) -> Option<u64> {
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let factor = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(factor)?)?;
        rest = tail;
    }
    Some(total)
}

/// A number of bytes such as `65536`, `512KiB`, `1MiB`.
pub(super) fn size(text: &str, allowed: RangeInclusive<u64>) -> Result<u64, Refusal> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        _ => return Err(None),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| allowed.contains(bytes)).ok_or(None)
}

/// A size as it can be given: `1MiB`, `100000`.
pub(super) fn size_text(bytes: u64) -> String {
    match bytes {
        bytes if bytes > 0 && bytes % MIB == 0 => format!("{}MiB", bytes / MIB),
        bytes if bytes > 0 && bytes % KIB == 0 => format!("{}KiB", bytes / KIB),
        bytes => bytes.to_string(),
    }
}

/// A time as it can be given: `1500ms`, `30s`.
pub(super) fn duration_text(time: Duration) -> String {
    match time.as_millis() {
        milliseconds if milliseconds % 1000 == 0 => format!("{}s", milliseconds / 1000),
        milliseconds => format!("{milliseconds}ms"),
    }
}

/// A node name: it becomes part of queue names and of addresses, where `/` and blanks would break
/// KAZOO's reading, and a queue's name has at most 255 bytes.
pub(super) fn node(text: &str) -> Result<String, Refusal> {
    let part = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    match text.split_once('@') {
        Some((name, host)) if text.len() <= 128 && part(name) && part(host) => Ok(text.to_owned()),
        _ => Err(None),
    }
}

pub(super) fn zone(text: &str) -> Result<String, Refusal> {
    let plain = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if plain && text.chars().count() <= 128 { Ok(text.to_owned()) } else { Err(None) }
}

pub(super) fn log_filter(text: &str) -> Result<String, Refusal> {
    tracing_subscriber::EnvFilter::builder().parse(text).map(|_| text.to_owned()).map_err(|_| None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_written_with_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("30", Some(30_000)),
            ("500ms", Some(500)),
            ("2s", Some(2000)),
            ("1m30s", Some(90_000)),
            ("1h", Some(3_600_000)),
            ("", Some(0)),
            ("s", None),
            ("5 s", None),
            ("-5", None),
            ("1.5s", None),
            ("5d", None),
            ("5s5", None),
            ("2h", None),
            ("99999999999999999999h", None),
            ("18446744073709551615", None),
        ] {
            let allowed = Duration::ZERO..=Duration::from_secs(3600);
            let expected = expected.map(Duration::from_millis).ok_or(None);
            assert_eq!(duration(text, allowed), expected, "{text}");
        }
    }

    #[test]
    fn a_time_prints_as_it_can_be_given() {
        for (milliseconds, expected) in [(0, "0s"), (1500, "1500ms"), (60_000, "60s")] {
            assert_eq!(duration_text(Duration::from_millis(milliseconds)), expected);
        }
    }

    #[test]
    fn a_size_may_be_written_with_units() {
        for (text, expected) in [
            ("65536", Ok(64 * KIB)),
            ("64KiB", Ok(64 * KIB)),
            ("3MiB", Ok(3 * MIB)),
            ("1", Err(None)),
            ("9MiB", Err(None)),
            ("1mb", Err(None)),
            ("MiB", Err(None)),
            ("1.5MiB", Err(None)),
            ("99999999999999999999MiB", Err(None)),
            ("18446744073709551615KiB", Err(None)),
        ] {
            assert_eq!(size(text, KIB..=8 * MIB), expected, "{text}");
        }
        for text in ["0", "1000", "1KiB", "1025", "64MiB"] {
            assert_eq!(size_text(size(text, 0..=64 * MIB).unwrap()), text);
        }
    }

    #[test]
    fn http_may_be_off_or_on_an_address() {
        for text in ["off", "127.0.0.1:8090", "[::1]:8090", "0.0.0.0:0"] {
            assert_eq!(listen(text).unwrap().to_string(), text);
        }
        for text in ["Off", "on", "8090", "127.0.0.1", "localhost:8090", "127.0.0.1:70000"] {
            assert_eq!(listen(text), Err(None), "{text}");
        }
    }

    #[test]
    fn each_seam_can_be_on_alone_or_beside_the_other() {
        for (text, execute, route) in [
            ("execute", true, false),
            ("route", false, true),
            ("execute,route", true, true),
            ("route, execute", true, true),
        ] {
            assert_eq!(seams(text), Ok(Seams { execute, route }), "{text}");
        }
        for text in ["both", "execute,", "execute;route"] {
            assert_eq!(seams(text), Err(None), "{text}");
        }
    }

    #[test]
    fn a_node_has_a_name_and_a_host() {
        for text in ["kazoo_dynamic_cid@apps1.east.example.com", "a@b", "kazoo-apps@10.0.0.1"] {
            assert_eq!(node(text).as_deref(), Ok(text));
        }
        let long = format!("a@{}", "b".repeat(127));
        for text in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a/b@c", "a@b/c", "ä@b", &long] {
            assert_eq!(node(text), Err(None), "{text}");
        }
    }

    #[test]
    fn numbers_zones_formats_and_filters_are_checked() {
        assert_eq!(whole_number("65535", 1..=65535), Ok(65535));
        for text in ["0", "65536", "-1", "1.0", "ten", "99999999999999999999"] {
            assert_eq!(whole_number(text, 1..=65535), Err(None), "{text}");
        }
        assert_eq!(zone("east-1").as_deref(), Ok("east-1"));
        assert_eq!(zone("east 1"), Err(None));
        for text in ["off", "local", "on"] {
            assert_eq!(console(text).unwrap().to_string(), text);
        }
        assert_eq!(console("yes"), Err(None));
        assert_eq!(log_format("json"), Ok(LogFormat::Json));
        assert_eq!(log_format("JSON"), Err(None));
        assert!(log_filter("info,kazoo_dynamic_cid::amqp=debug").is_ok());
        assert_eq!(log_filter("info,kazoo_dynamic_cid=loud"), Err(None));
    }
}
