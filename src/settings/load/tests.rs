use clap::Parser;

use super::*;
use crate::settings::environment::fake::Fake;
use crate::settings::{Listen, LogFormat, reference};

#[derive(Debug, Parser)]
struct Example {
    #[command(flatten)]
    settings: GlobalArgs,
}

fn args(flags: &[&str]) -> GlobalArgs {
    let line = std::iter::once("test").chain(flags.iter().copied());
    Example::try_parse_from(line).unwrap().settings
}

/// A `config.ini` for one test; it is gone when the value is dropped.
struct File(tempfile::TempDir);

impl File {
    fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.ini"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("config.ini")
    }
}

fn load(flags: &[&str], config: &str, environment: Fake) -> Result<Settings, Problems> {
    let file = File::with(config);
    let environment = Fake { files: vec![file.path()], ..environment };
    Settings::load(&args(flags), &environment)
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/config/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn brokers(settings: &Settings) -> Vec<&str> {
    settings.amqp.iter().map(|server| server.expose().as_str()).collect()
}

#[test]
fn without_anything_the_defaults_of_the_reference_hold() {
    let settings = Settings::load(&args(&[]), &Fake::new()).unwrap();
    assert_eq!(settings.notices, Vec::<String>::new());
    let rows = settings.rows();
    let names: Vec<_> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names, reference().iter().map(|setting| setting.name).collect::<Vec<_>>());
    for (row, setting) in rows.iter().zip(reference()) {
        assert_eq!(row.origin, "default", "{row:?}");
        let expected = match row.name {
            "config" => "none",
            "node" => "kazoo_dynamic_cid@apps1",
            "couchdb-uri" => "http://localhost:5984/",
            "amqp-uri" => "amqp://guest:…@localhost:5672",
            _ => setting.default,
        };
        assert_eq!(row.value, expected, "{row:?}");
    }
}

#[test]
fn a_higher_source_wins() {
    let config = "[dynamic_cid]\nprefetch = 3\n";
    let fake = || Fake::new().with("KAZOO_DYNAMIC_CID_PREFETCH", "2");
    for (flags, environment, config, value, origin) in [
        (&["--prefetch", "1"][..], fake(), config, 1, "flag --prefetch"),
        (&[][..], fake(), config, 2, "environment KAZOO_DYNAMIC_CID_PREFETCH"),
        (&[][..], Fake::new(), config, 3, "config.ini [dynamic_cid]"),
        (
            &[][..],
            Fake::new().with("KAZOO_DYNAMIC_CID_PREFETCH", ""),
            config,
            3,
            "config.ini [dynamic_cid]",
        ),
        (&[][..], Fake::new(), "", 10_000, "default"),
    ] {
        let settings = load(flags, config, environment).unwrap();
        let prefetch = settings.limits.prefetch;
        assert_eq!((prefetch.value, prefetch.origin.to_string().as_str()), (value, origin));
    }
}

#[test]
fn every_setting_can_be_given_by_flag_variable_and_key() {
    for (name, text, shown) in [
        ("amqp-uri", "amqp://a:b@c,amqps://d", "amqp://a:…@c, amqps://d"),
        ("couchdb-uri", "https://u:p@c:6984", "https://u:…@c:6984/"),
        ("couchdb-timeout", "500ms", "500ms"),
        ("node", "worker@host", "worker@host"),
        ("config-node", "kazoo_apps@host", "kazoo_apps@host"),
        ("zone", "east", "east"),
        ("seams", "route, execute", "execute,route"),
        ("listen", "off", "off"),
        ("http-hosts", "Cid.example.com, [::1]", "cid.example.com, ::1"),
        ("grace", "1m", "60s"),
        ("prefetch", "1", "1"),
        ("cache-ttl", "5m", "300s"),
        ("cache-capacity", "500", "500"),
        ("account-rate", "5", "5"),
        ("max-message", "64KiB", "64KiB"),
        ("max-depth", "50", "50"),
        ("max-list-rows", "7", "7"),
        ("max-patterns", "8", "8"),
        ("match-limit", "5000", "5000"),
        ("read-deadline", "1500ms", "1500ms"),
        ("cache-stale", "0", "0s"),
        ("records", "0", "0"),
        ("mask-numbers", "on", "on"),
        ("log-format", "json", "json"),
    ] {
        let setting = reference().into_iter().find(|setting| setting.name == name).unwrap();
        let (flag, variable) = (setting.flag.unwrap(), setting.variable.unwrap());
        let key = format!("[dynamic_cid]\n{} = \"{text}\"\n", setting.key.unwrap());
        for (settings, origin) in [
            (load(&[flag, text], "", Fake::new()), format!("flag {flag}")),
            (load(&[], "", Fake::new().with(variable, text)), format!("environment {variable}")),
            (load(&[], &key, Fake::new()), "config.ini [dynamic_cid]".to_owned()),
        ] {
            let row = settings.unwrap().rows().into_iter().find(|row| row.name == name).unwrap();
            assert_eq!((row.value.as_str(), row.origin), (shown, origin));
        }
    }
}

#[test]
fn all_mistakes_are_reported_at_once_and_without_passwords() {
    let flags = [
        "--amqp-uri=amqp://guest:s3cret/@host,http://x,guest:s3cret@host",
        "--couchdb-uri=amqp://admin:s3cret@host",
        "--couchdb-timeout=1ms",
        "--node=nohost",
        "--config-node=",
        "--zone=http://a:s3cret@b/two words",
        "--seams=execute,both",
        "--listen=8090",
        "--grace=soon",
        "--prefetch=0",
        "--cache-ttl=0",
        "--cache-capacity=1",
        "--account-rate=0",
        "--records=many",
        "--mask-numbers=yes",
        "--max-message=1",
        "--max-depth=128",
        "--max-list-rows=0",
        "--max-patterns=0",
        "--match-limit=1",
        "--read-deadline=1ms",
        "--cache-stale=2d",
        "--log-format=xml",
        "--config=/no/such/config.ini",
    ];
    let fake = Fake::new().with("RUST_LOG", "info,a::b=loud");
    let problems = Settings::load(&args(&flags), &fake).unwrap_err();
    let mut named: Vec<_> = problems.0.iter().map(|problem| problem.setting).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named.len(), flags.len() + 1, "{problems}");
    let text = problems.to_string();
    assert!(!text.contains("s3cret"), "{text}");
    for expected in [
        "prefetch (flag --prefetch): `0` cannot be used; allowed is a whole number from 1 to 60000",
        "amqp-uri (flag --amqp-uri): `amqp://guest:…@host` cannot be used;",
        "seams (flag --seams): `execute,both` cannot be used; allowed is execute (KAZOO master and 5), route (KAZOO 4.3)",
        "config-node (flag --config-node): `` cannot be used; allowed is name@host",
        "log-filter (environment RUST_LOG): `info,a::b=loud`",
        "/no/such/config.ini: No such file",
    ] {
        assert!(text.contains(expected), "{expected}\n--\n{text}");
    }
}

#[test]
fn a_key_in_our_section_twice_is_a_mistake() {
    let problems = load(&[], "[dynamic_cid]\nprefetch = 1\nprefetch = 2", Fake::new()).unwrap_err();
    assert!(problems.to_string().contains("`prefetch` is there 2 times"), "{problems}");
}

#[test]
fn a_named_file_must_be_usable_and_is_used_alone() {
    let file = File::with("[dynamic_cid]\nzone = named");
    let named = file.path().display().to_string();
    let searched = "[dynamic_cid]\nzone = searched\nprefetch = 7";
    for (flags, environment) in [
        (vec!["--config", &named], Fake::new().with("KAZOO_CONFIG", "/no/such/file")),
        (vec![], Fake::new().with("KAZOO_CONFIG", &named)),
    ] {
        let settings = load(&flags, searched, environment).unwrap();
        assert_eq!(
            (settings.zone.value.as_str(), settings.limits.prefetch.value),
            ("named", 10_000)
        );
        assert_eq!(settings.config_file.value, Some(file.path()));
    }
    let broken = fixture("broken.ini");
    for path in ["/no/such/file", &broken] {
        let problems = load(&[], searched, Fake::new().with("KAZOO_CONFIG", path)).unwrap_err();
        assert_eq!(problems.0.len(), 1);
        let text = problems.to_string();
        assert!(
            text.contains("config (environment KAZOO_CONFIG)") && text.contains(path),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_broken_file_in_a_usual_place_is_passed_over_and_told() {
    let environment = Fake { files: vec![fixture("broken.ini").into()], ..Fake::new() };
    let settings = Settings::load(&args(&[]), &environment).unwrap();
    assert_eq!(settings.config_file.value, None);
    assert!(settings.notices[0].contains("line 7"), "{:?}", settings.notices);
}

#[test]
fn kazoo_s_shipped_file_is_understood() {
    let file = fixture("shipped.ini");
    let settings = Settings::load(&args(&["--config", &file]), &Fake::new()).unwrap();
    assert_eq!(brokers(&settings), ["amqp://guest:guest@127.0.0.1:5672"]);
    assert_eq!(settings.amqp.origin.to_string(), "config.ini [amqp]");
    assert_eq!(settings.couchdb.expose().as_str(), "http://127.0.0.1:15984/");
    assert_eq!(settings.couchdb.origin.to_string(), "config.ini [bigcouch]");
    assert_eq!(settings.zone.value, "local");
    assert_eq!(settings.notices, Vec::<String>::new());
}

#[test]
fn each_machine_of_a_cluster_finds_its_own_in_a_shared_file() {
    let file = fixture("zones.ini");
    for (host, zone, first, count, prefetch) in [
        ("apps1.east.example.com", "east", "rabbit0.east.example.com", 3, 500),
        ("apps1.west.example.com", "west", "rabbit1.west.example.com", 1, 50),
        ("apps9.example.com", "local", "unused.example.com", 1, 500),
    ] {
        let environment = Fake { resolved: host.to_owned(), ..Fake::new() };
        let settings = Settings::load(&args(&["--config", &file]), &environment).unwrap();
        assert_eq!(settings.zone.value, zone);
        assert_eq!(settings.amqp.len(), count);
        assert_eq!(settings.amqp[0].expose().host_str(), Some(first));
        assert_eq!(settings.limits.prefetch.value, prefetch);
        assert_eq!(settings.couchdb.to_string(), "http://kazoo:…@10.20.0.5:5984/");
        assert_eq!(settings.couchdb_user.value.as_deref(), Some("kazoo"));
        let missing = settings.notices.iter().any(|notice| notice.contains("for east, west"));
        assert_eq!(missing, zone == "local", "{:?}", settings.notices);
        let shown = format!("{settings:?} {:?}", settings.rows());
        assert!(
            !shown.contains("se#cr") && !shown.contains("se%23cr") && !shown.contains("pa;ss"),
            "{shown}"
        );
    }
}

#[test]
fn the_zone_has_its_own_order_of_sources() {
    let kazoo = "[kazoo_apps]\nzone = kazoo\nhost = apps1.east.example.com\n";
    let own = format!("{kazoo}[dynamic_cid]\nzone = own\n");
    let several = format!("{own}[dynamic_cid]\nzone = other\n");
    let here = format!("{kazoo}[dynamic_cid]\nzone = own\nhost = apps1.east.example.com\n");
    let elsewhere = format!("{kazoo}[dynamic_cid]\nzone = own\nhost = apps2.east.example.com\n");
    let kazoo_zone = || Fake::new().with("KAZOO_ZONE", "env");
    for (flags, environment, config, zone, origin) in [
        (&["--zone", "flag"][..], kazoo_zone(), own.as_str(), "flag", "flag --zone"),
        (&[], kazoo_zone(), &own, "env", "environment KAZOO_ZONE"),
        (&[], Fake::new(), &own, "own", "config.ini [dynamic_cid]"),
        (&[], Fake::new(), &here, "own", "config.ini [dynamic_cid]"),
        (&[], Fake::new(), &several, "kazoo", "config.ini [kazoo_apps]"),
        (&[], Fake::new(), &elsewhere, "kazoo", "config.ini [kazoo_apps]"),
        (&[], Fake::new(), kazoo, "kazoo", "config.ini [kazoo_apps]"),
        (&[], Fake::new(), "", "local", "default"),
    ] {
        let found = load(flags, config, environment).unwrap().zone;
        assert_eq!((found.value.as_str(), found.origin.to_string().as_str()), (zone, origin));
    }
}

#[test]
fn credentials_for_couchdb_may_come_apart_from_the_address() {
    let user = ("KAZOO_DYNAMIC_CID_COUCHDB_USERNAME", "worker");
    let password = ("KAZOO_DYNAMIC_CID_COUCHDB_PASSWORD", "p@ss %41");
    let kazoo = "[bigcouch]\nip = db\nusername = kazoo\npassword = s3cret";
    let own = "http://own:pw@host";
    let both = &[user, password][..];
    for (flags, variables, config, expected) in [
        (&["--couchdb-uri=http://host"][..], both, "", "http://worker:p%40ss%20%2541@host/"),
        (&["--couchdb-uri=http://host"], &[user], "", "http://worker@host/"),
        (&["--couchdb-uri", own], both, "", "http://own:pw@host/"),
        (&[], both, kazoo, "http://worker:p%40ss%20%2541@db:5984/"),
        (&[], &[password], kazoo, "http://kazoo:p%40ss%20%2541@db:5984/"),
        (&[], &[user], kazoo, "http://worker@db:5984/"),
        (&[], &[], kazoo, "http://kazoo:s3cret@db:5984/"),
    ] {
        let fake = variables.iter().fold(Fake::new(), |fake, (name, value)| fake.with(name, value));
        let settings = load(flags, config, fake).unwrap();
        assert_eq!(settings.couchdb.expose().as_str(), expected);
        assert_eq!(settings.notices.is_empty(), flags != ["--couchdb-uri", own], "{expected}");
    }
    let fake = Fake::new().with(password.0, password.1);
    let problems = load(&["--couchdb-uri=http://host"], "", fake).unwrap_err().to_string();
    assert!(problems.contains("needs a user name") && !problems.contains("p@ss"), "{problems}");
}

#[test]
fn brokers_given_to_the_worker_keep_their_order() {
    let flags =
        ["--amqp-uri", "amqp://b, amqp://a,", "--amqp-uri", "amqp://c", "--amqp-uri=amqp://b"];
    let config =
        "[zone]\nname = local\nuri = amqp://z\n[zone]\nname = east\nuri = amqp://e\nuri = nonsense";
    let settings = load(&flags, config, Fake::new()).unwrap();
    assert_eq!(brokers(&settings), ["amqp://b", "amqp://a", "amqp://c"]);
    assert_eq!(settings.remote_zones.len(), 1);
    assert_eq!(settings.remote_zones[0].brokers.len(), 1);
    assert!(settings.notices[0].contains("zone east"), "{:?}", settings.notices);
}

#[test]
fn an_empty_list_of_brokers_is_a_mistake() {
    for text in ["", " ", ",", " , "] {
        let problems = load(&["--amqp-uri", text], "", Fake::new()).unwrap_err();
        assert!(problems.to_string().contains("amqp-uri (flag --amqp-uri)"), "{problems}");
    }
}

#[test]
fn a_bad_broker_of_kazoo_s_is_passed_over_while_another_is_left() {
    let settings = load(&[], "[amqp]\nuri = amqp://a\nuri = amqp:s3cret", Fake::new()).unwrap();
    assert_eq!(brokers(&settings), ["amqp://a"]);
    assert_eq!(settings.notices.len(), 1);
    let problems = load(&[], "[amqp]\nuri = http://b", Fake::new()).unwrap_err();
    assert!(
        problems.to_string().contains("amqp-uri (config.ini [amqp]): `http://b/`"),
        "{problems}"
    );
}

#[test]
fn another_database_driver_is_refused_unless_an_address_is_given() {
    let config = "[bigcouch]\ndriver = kazoo_fixturedb";
    let problems = load(&[], config, Fake::new()).unwrap_err().to_string();
    let expected = "couchdb-uri (config.ini [bigcouch]): `driver = kazoo_fixturedb` cannot be used";
    assert!(problems.contains(expected), "{problems}");
    assert!(load(&["--couchdb-uri=http://host"], config, Fake::new()).is_ok());
}

#[test]
fn keys_that_are_no_settings_and_sections_for_others_are_told() {
    for (config, expected) in [
        ("[dynamic_cid]\nprefech = 1", "`prefech` in [dynamic_cid]"),
        ("[dynamic_cid]\nhost = elsewhere\nprefetch = 1", "for another host or zone"),
        ("[kazoo_apps]\nzone = east", "host = apps1.east.example.com"),
        ("[bigcouch]\nhost = db", "write `ip`"),
    ] {
        let settings = load(&[], config, Fake::new()).unwrap();
        assert_eq!(settings.notices.len(), 1, "{:?}", settings.notices);
        assert!(settings.notices[0].contains(expected), "{:?}", settings.notices);
    }
}

#[test]
fn values_have_their_types() {
    let flags = ["--listen=[::1]:0", "--log-format=json", "--grace=90", "--couchdb-timeout=1s"];
    let settings = Settings::load(&args(&flags), &Fake::new()).unwrap();
    assert_eq!(settings.listen.value, Listen::On("[::1]:0".parse().unwrap()));
    assert_eq!(settings.log_format.value, LogFormat::Json);
    assert_eq!(settings.grace.value, Duration::from_secs(90));
    assert_eq!(settings.couchdb_timeout.value, Duration::from_secs(1));
    assert!(settings.seams.execute && !settings.seams.route);
}
