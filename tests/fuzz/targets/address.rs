//! Addresses: where replies go, routing keys, names of databases, addresses of servers.

use kazoo_dynamic_cid::directory::{AccountId, Database};
use kazoo_dynamic_cid::kapi::{Address, routing};
use kazoo_dynamic_cid::settings::{ServerUri, redacted};

/// One text is read as each kind of address.
pub fn run(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    reply_address(text);
    routing_keys(text);
    databases(text);
    for server in [ServerUri::amqp(text), ServerUri::couchdb(text)].into_iter().flatten() {
        hides_its_password(&server);
    }
    hides_a_password(text);
}

/// What was read is written as it stood, and a process id is one that Erlang can read.
fn reply_address(text: &str) {
    match Address::parse(text) {
        Ok(address) => {
            let written = address.to_string();
            // A prefix of KAZOO's federation is dropped, and may hide another address.
            if !text.starts_with("consumer://") {
                assert_eq!(written, text, "written otherwise than read");
                assert_eq!(Address::parse(&written).as_ref(), Ok(&address));
            }
            assert!((1..=routing::MAX_KEY_BYTES).contains(&address.queue.len()));
            if let Some(pid) = &address.pid {
                let parts = pid.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
                let parts: Vec<&str> = parts.expect("a pid in brackets").split('.').collect();
                assert_eq!(parts.len(), 3, "{pid}");
                assert!(parts.iter().all(|part| part.parse::<u32>().is_ok()), "{pid}");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// An encoded word is one word, no wildcard unless the text is one, and can be read back.
fn routing_keys(text: &str) {
    let encoded = routing::encode(text);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-~_+%".contains(&byte);
    assert!(matches!(text, "*" | "#") || encoded.bytes().all(plain), "{encoded}");
    assert_eq!(decoded(&encoded), text.as_bytes());
    if routing::is_call_id(text) {
        for key in [routing::call_events_key(text), routing::status_request_key(text)] {
            assert!(key.len() <= routing::MAX_KEY_BYTES, "{} bytes", key.len());
            assert_eq!(key.split('.').count(), 3, "{key}");
            assert!(!key.ends_with(['*', '#', '.']), "{key}");
        }
    }
}

/// What [`routing::encode`] wrote, read back.
fn decoded(encoded: &str) -> Vec<u8> {
    let mut bytes = encoded.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.expect("two digits"));
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                u8::from_str_radix(digits, 16).expect("hexadecimal digits")
            }
            other => other,
        });
    }
    text
}

/// A database's encoded name is that of the same database, and an account's leads back to it.
fn databases(text: &str) {
    if let Some(database) = Database::from_encoded(text) {
        assert_eq!(Database::from_encoded(&database.encoded()), Some(database.clone()));
        assert!(!database.name().contains("..") && !database.name().starts_with(['/', '_']));
        if let Some(account) = database.account_id() {
            assert_eq!(Database::account(&account), database);
        }
    }
    if let Some(account) = AccountId::new(text) {
        assert_eq!(account.as_str(), text);
        let database = Database::account(&account);
        assert_eq!(database.account_id(), Some(account));
        assert_eq!(Database::from_encoded(&database.encoded()), Some(database));
    }
}

/// A server does not print a password that stands nowhere else in its address.
fn hides_its_password(server: &ServerUri) {
    let shown = format!("{server} {server:?}");
    let whole = server.expose();
    if let Some(password) = whole.password().filter(|password| !password.is_empty()) {
        let elsewhere = whole.as_str().matches(password).count() > 1 || "…".contains(password);
        assert!(elsewhere || !shown.contains(password), "{shown}");
    }
}

/// A password in front of a host is hidden, whatever the address is otherwise.
fn hides_a_password(text: &str) {
    const SECRET: &str = "s3cret-PASSWORD";
    // To a URI these are as if they were not there.
    if text.replace(['\t', '\n', '\r'], "").contains(SECRET) {
        return;
    }
    for uri in [format!("amqp://user:{SECRET}@{text}"), format!("http://{text}:{SECRET}@host")] {
        let shown = redacted(&uri);
        assert!(!shown.contains(SECRET), "{shown}");
    }
}
