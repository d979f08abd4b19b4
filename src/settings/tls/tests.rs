use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::Parser;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use crate::settings::environment::fake::Fake;
use crate::settings::{GlobalArgs, Problems, Settings};

#[derive(Debug, Parser)]
struct Example {
    #[command(flatten)]
    settings: GlobalArgs,
}

fn load(flags: &[&str]) -> Result<Settings, Problems> {
    let line = std::iter::once("test").chain(flags.iter().copied());
    Settings::load(&Example::try_parse_from(line).unwrap().settings, &Fake::new())
}

/// A folder with certificates of two makers: `a.pem`, `a.key`, `b.pem`, `b.key`, and wrong files.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    for name in ["a", "b"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        write(&format!("{name}.pem"), certificate.pem().as_bytes());
        write(&format!("{name}.key"), key.serialize_pem().as_bytes());
        write(&format!("{name}.der"), certificate.der());
    }
    write("empty", b"");
    write("cut", b"-----BEGIN CERTIFICATE-----\nMIIB\n");
    write("junk", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    folder
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

#[test]
fn certificates_and_a_key_that_go_together_are_taken() {
    let folder = folder();
    let [ca, cert, key] = ["b.pem", "a.pem", "a.key"].map(|name| path(&folder, name));
    let settings = load(&[
        "--amqp-uri",
        "amqps://broker",
        "--amqp-ca",
        &ca,
        "--amqp-cert",
        &cert,
        "--amqp-key",
        &key,
    ])
    .unwrap();
    assert_eq!(settings.notices, Vec::<String>::new());
    assert_eq!(settings.tls.roots.as_ref().map(Vec::len), Some(1));
    assert_eq!(settings.tls.identity.as_ref().map(|identity| identity.chain.len()), Some(1));
    let rows = settings.rows();
    let row = rows.iter().find(|row| row.name == "amqp-key").unwrap();
    assert_eq!((row.value.as_str(), row.origin.as_str()), (key.as_str(), "flag --amqp-key"));
    let secret = fs::read_to_string(Path::new(&key)).unwrap();
    let line = secret.lines().nth(1).unwrap();
    assert!(!format!("{settings:?}").contains(line), "the key is shown");
}

#[test]
fn a_file_that_cannot_be_used_is_a_problem_that_names_the_setting_and_the_cure() {
    let folder = folder();
    let file = |name: &str| path(&folder, name);
    for (flags, setting, words) in [
        (vec![("--amqp-ca", file("missing"))], "amqp-ca", "cannot be read"),
        (vec![("--amqp-ca", file(""))], "amqp-ca", "cannot be read"),
        (vec![("--amqp-ca", file("empty"))], "amqp-ca", "BEGIN CERTIFICATE"),
        (vec![("--amqp-ca", file("a.der"))], "amqp-ca", "openssl x509 -inform der"),
        (vec![("--amqp-ca", file("a.key"))], "amqp-ca", "BEGIN CERTIFICATE"),
        (vec![("--amqp-ca", file("cut"))], "amqp-ca", "not PEM"),
        (vec![("--amqp-ca", file("junk"))], "amqp-ca", "is broken"),
        (vec![("--amqp-cert", file("a.pem"))], "amqp-cert", "of no use without amqp-key"),
        (vec![("--amqp-key", file("a.key"))], "amqp-key", "of no use without amqp-cert"),
        (
            vec![("--amqp-cert", file("a.pem")), ("--amqp-key", file("b.key"))],
            "amqp-key",
            "goes with amqp-cert",
        ),
        (
            vec![("--amqp-cert", file("a.pem")), ("--amqp-key", file("a.pem"))],
            "amqp-key",
            "openssl pkey",
        ),
        (
            vec![("--amqp-cert", file("junk")), ("--amqp-key", file("a.key"))],
            "amqp-key",
            "goes with amqp-cert",
        ),
    ] {
        let line: Vec<_> = flags.iter().flat_map(|(flag, value)| [*flag, value.as_str()]).collect();
        let problems = load(&line).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{line:?}: {problems}");
        assert_eq!(problems.0[0].setting, setting, "{problems}");
        assert!(problems.0[0].allowed.contains(words), "{line:?}: {problems}");
    }
}

#[test]
fn what_has_no_effect_or_is_open_to_all_is_said() {
    let folder = folder();
    let ca = path(&folder, "a.pem");
    let notices = load(&["--amqp-ca", &ca]).unwrap().notices;
    assert!(notices.iter().any(|notice| notice.contains("no broker's address")), "{notices:?}");
    let uri = "amqps://u:s3cret@broker?cacertfile=/x&verify=verify_none&heartbeat=5";
    let notices = load(&["--amqp-uri", uri]).unwrap().notices;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].starts_with("cacertfile, verify in the broker's address"), "{notices:?}");
    assert!(!notices[0].contains("s3cret"), "{notices:?}");
    let (cert, key) = (path(&folder, "a.pem"), path(&folder, "a.key"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let flags = ["--amqp-uri", "amqps://broker", "--amqp-cert", &cert, "--amqp-key", &key];
    let notices = load(&flags).unwrap().notices;
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].contains("chmod o-r"), "{notices:?}");
}
