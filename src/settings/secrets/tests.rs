use std::io::Write as _;

use clap::Parser;
use tempfile::NamedTempFile;

use super::*;
use crate::settings::environment::fake::Fake;
use crate::settings::{GlobalArgs, Problems, Settings};

const URI: &str = "KAZOO_DYNAMIC_CID_AMQP_URI";
const COUCHDB: &str = "KAZOO_DYNAMIC_CID_COUCHDB_URI";
const USER: &str = "KAZOO_DYNAMIC_CID_COUCHDB_USERNAME";
const PASSWORD: &str = "KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD";

#[derive(Debug, Parser)]
struct Example {
    #[command(flatten)]
    settings: GlobalArgs,
}

fn file(content: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    file
}

fn load(flags: &[&str], environment: Fake) -> Result<Settings, Problems> {
    let line = std::iter::once("test").chain(flags.iter().copied());
    Settings::load(&Example::try_parse_from(line).unwrap().settings, &environment)
}

fn named(environment: Fake, variable: &str, file: &NamedTempFile) -> Fake {
    environment.with(&format!("{variable}_FILE"), file.path().to_str().unwrap())
}

#[test]
fn every_credential_can_come_from_a_file() {
    let (broker, database) =
        (file(b"amqp://u:s3cret@a,amqp://b\n"), file(b"http://couch:5984\r\nmore\n"));
    let (user, password) = (file(b"reader"), file(b" p@:/#% \n"));
    let mut environment = Fake::new();
    for (variable, file) in
        [(URI, &broker), (COUCHDB, &database), (USER, &user), (PASSWORD, &password)]
    {
        environment = named(environment, variable, file);
    }
    let settings = load(&[], environment).unwrap();
    assert_eq!(settings.amqp[0].expose().password(), Some("s3cret"));
    assert_eq!(settings.amqp.len(), 2);
    assert_eq!(settings.amqp.origin.to_string(), format!("file named by {URI}_FILE"));
    assert_eq!(settings.couchdb.expose().host_str(), Some("couch"));
    assert_eq!(settings.couchdb_user.value.as_deref(), Some("reader"));
    let sent = settings.couchdb.expose().password().unwrap();
    let sent = percent_encoding::percent_decode_str(sent).decode_utf8().unwrap();
    assert_eq!(sent, " p@:/#% ", "blanks may belong to a password, the line's end does not");
    assert!(!format!("{settings:?} {:?}", settings.rows()).contains("s3cret"));
}

#[test]
fn a_flag_wins_over_a_file_and_a_file_over_config_ini() {
    let broker = file(b"amqp://from-file\n");
    let settings = load(&["--amqp-uri", "amqp://flag"], named(Fake::new(), URI, &broker)).unwrap();
    assert_eq!(settings.amqp[0].expose().host_str(), Some("flag"));
    let config = file(b"[dynamic_cid]\namqp_uri = amqp://ini\n");
    let environment =
        named(Fake::new(), URI, &broker).with("KAZOO_CONFIG", config.path().to_str().unwrap());
    let settings = load(&[], environment).unwrap();
    assert_eq!(settings.amqp[0].expose().host_str(), Some("from-file"));
}

#[test]
fn a_variable_and_its_file_together_are_a_problem_that_names_both() {
    let broker = file(b"amqp://u:s3cret@a\n");
    let environment = named(Fake::new(), URI, &broker).with(URI, "amqp://v:s3cret@b");
    let problems = load(&[], environment).unwrap_err().to_string();
    assert!(problems.contains(&format!("{URI}_FILE)")), "{problems}");
    assert!(problems.contains(&format!("{URI} is set, too")), "{problems}");
    assert!(!problems.contains("s3cret"), "{problems}");
}

#[test]
fn a_file_that_is_no_credential_is_a_problem_that_does_not_show_it() {
    let (binary, empty, large) =
        (file(b"s3cret\xff\n"), file(b"\ns3cret\n"), file("s".repeat(70_000).as_bytes()));
    for (path, words) in [
        ("/nonexistent/secret".to_owned(), "cannot be read"),
        ("/".to_owned(), "cannot be read"),
        (binary.path().display().to_string(), "not UTF-8"),
        (empty.path().display().to_string(), "is empty"),
        (large.path().display().to_string(), "is larger than"),
    ] {
        let environment = Fake::new().with(&format!("{PASSWORD}_FILE"), &path);
        let problems = load(&[], environment.with(USER, "u")).unwrap_err().to_string();
        assert!(problems.contains(words) && problems.contains(&path), "{problems}");
        assert!(!problems.contains("s3cret"), "{problems}");
    }
}

#[test]
fn what_is_no_credential_has_no_file() {
    let with_file: Vec<_> = reference::reference().iter().filter_map(file_variable).collect();
    assert_eq!(with_file, [URI, COUCHDB, USER, PASSWORD].map(|name| format!("{name}_FILE")));
}
