use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// Reads everything that `documents` holds, and gives the versions seen: device, account,
/// category, list, number, pattern.
async fn versions(directory: &Directory) -> [u64; 6] {
    let account = account();
    let version = |document: Option<Arc<Value>>| document.unwrap()["version"].as_u64().unwrap();
    let list = directory.list(&account, "list").await.unwrap();
    let row = &list.rows(crate::dynamic_cid::SingleDocumentLists::Ignored)[0];
    let patterns = directory.patterns(&account).await.unwrap();
    [
        version(directory.document(&account_db(), "dev").await.unwrap()),
        version(directory.account(&account).await.unwrap()),
        directory.config("media").await.unwrap().get("version").unwrap().as_u64().unwrap(),
        number(row),
        version(directory.callflow_by_number(&account, "2001").await.unwrap()),
        pattern(&patterns),
    ]
}

fn number(row: &crate::dynamic_cid::Row) -> u64 {
    row.number.as_deref().unwrap().parse().unwrap()
}

fn pattern(patterns: &crate::callflow::Patterns) -> u64 {
    let matches = patterns.find("2", crate::dynamic_cid::OptionalGroups::NoCapture).unwrap();
    u64::from(matches.is_some()) + 1
}

type Forget = fn(&Directory);

#[tokio::test]
async fn a_notice_makes_forgotten_what_its_document_changes() {
    let account_db = &account_db();
    let system_config = &Database::system_config();
    for (database, kind, id, seen) in [
        (account_db, Some("device"), "dev", [2, 1, 1, 1, 1, 1]),
        (account_db, Some("user"), "dev", [2, 1, 1, 1, 1, 1]),
        (account_db, Some("account"), ACCOUNT, [1, 2, 1, 1, 1, 1]),
        (&Database::accounts(), Some("account"), ACCOUNT, [1, 2, 1, 1, 1, 1]),
        (account_db, Some("list"), "list", [1, 1, 1, 2, 1, 1]),
        (account_db, Some("list_entry"), "entry", [1, 1, 1, 2, 1, 1]),
        (account_db, Some("contact"), "entry", [1, 1, 1, 2, 1, 1]),
        (account_db, Some("callflow"), "flow", [1, 1, 1, 1, 2, 2]),
        (account_db, Some("undefined"), "x", [1, 1, 1, 2, 2, 2]),
        (account_db, None, "dev", [2, 1, 1, 2, 2, 2]),
        (account_db, Some("vmbox"), "x", [1, 1, 1, 1, 1, 1]),
        (system_config, Some("config"), "media", [1, 1, 2, 1, 1, 1]),
        (system_config, None, "call_command", [1, 1, 1, 1, 1, 1]),
        (&Database::from_encoded("account%2Fff%2Fff%2Fff").unwrap(), None, "dev", [1; 6]),
    ] {
        let fake = Fake::new(&documents(1));
        let directory = directory(&fake);
        assert_eq!(versions(&directory).await, [1; 6]);
        fake.store(&documents(2));
        assert_eq!(versions(&directory).await, [1; 6]);
        directory.forget(database, kind, id);
        assert_eq!(versions(&directory).await, seen, "{database} {kind:?} {id}");
    }
}

#[tokio::test]
async fn a_change_of_a_callflow_changes_what_only_we_answer_to() {
    let documents = |own: Value| {
        json!({ account_db().encoded(): [
            { "_id": "flow", "pvt_type": "callflow", "kazoo_dynamic_cid": own },
        ] })
    };
    let forgets: [(Forget, bool); 5] = [
        (|directory| directory.forget(&account_db(), Some("callflow"), "flow"), true),
        (|directory| directory.forget(&account_db(), None, "flow"), true),
        (|directory| directory.forget(&account_db(), Some("device"), "flow"), false),
        (|directory| directory.forget_database(&account_db()), true),
        (Directory::forget_everything, true),
    ];
    for (forget, forgotten) in forgets {
        let fake = Fake::new(&documents(json!({ "numbers": ["1"], "patterns": ["^2$"] })));
        let directory = directory(&fake);
        let seen = async || {
            let account = account();
            let number = directory.exclusive_by_number(&account, "1").await.unwrap();
            let patterns = directory.exclusive_patterns(&account).await.unwrap();
            (number.is_some(), patterns.len())
        };
        assert_eq!(seen().await, (true, 1));
        fake.store(&documents(json!({})));
        forget(&directory);
        assert_eq!(seen().await, if forgotten { (false, 0) } else { (true, 1) });
    }
}

#[tokio::test]
async fn a_sip_username_is_forgotten_with_what_may_have_it() {
    type Forget = fn(&Directory);
    let documents = |id: &str| {
        json!({ account_db().encoded(): [{ "_id": id, "pvt_type": "device",
        "sip": { "username": "u", "method": "password" } }] })
    };
    let forgets: [(Forget, bool); 7] = [
        (|directory| directory.forget(&account_db(), Some("device"), "new"), true),
        (|directory| directory.forget(&account_db(), Some("user"), "x"), true),
        (|directory| directory.forget(&account_db(), Some("sys_info"), "x"), true),
        (|directory| directory.forget(&account_db(), None, "new"), true),
        (|directory| directory.forget(&account_db(), Some("callflow"), "x"), false),
        (|directory| directory.forget_database(&account_db()), true),
        (Directory::forget_everything, true),
    ];
    for (forget, forgotten) in forgets {
        let fake = Fake::new(&documents("old"));
        let directory = directory(&fake);
        let named = || async {
            directory.endpoint_by_sip_username(&account(), "u").await.unwrap().unwrap()
        };
        assert_eq!(named().await, "old");
        fake.store(&documents("new"));
        forget(&directory);
        assert_eq!(named().await, if forgotten { "new" } else { "old" });
    }
}

#[tokio::test]
async fn a_database_or_everything_can_be_forgotten() {
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    versions(&directory).await;
    fake.store(&documents(2));
    directory.forget_database(&account_db());
    assert_eq!(versions(&directory).await, [2, 2, 1, 2, 2, 2]);
    directory.forget_database(&Database::system_config());
    assert_eq!(versions(&directory).await, [2; 6]);

    fake.store(&documents(1));
    directory.forget_everything();
    assert_eq!(versions(&directory).await, [1; 6]);
}

#[tokio::test]
async fn a_read_that_began_before_puts_nothing_old_back() {
    let forgets: [Forget; 3] = [
        |directory| {
            directory.forget(&account_db(), None, "dev");
            directory.forget(&account_db(), Some("account"), ACCOUNT);
            directory.forget(&Database::system_config(), None, "media");
        },
        |directory| {
            directory.forget_database(&account_db());
            directory.forget_database(&Database::system_config());
        },
        Directory::forget_everything,
    ];
    for forget in forgets {
        let fake = Fake::new(&documents(1));
        let directory = directory(&fake);
        let shut = fake.gate.write().await;
        let spawn = || {
            let directory = directory.clone();
            let account = account();
            [
                tokio::spawn({
                    let directory = directory.clone();
                    async move {
                        directory.document(&account_db(), "dev").await.unwrap();
                    }
                }),
                tokio::spawn({
                    let directory = directory.clone();
                    async move {
                        directory.account(&self::account()).await.unwrap();
                    }
                }),
                tokio::spawn({
                    let directory = directory.clone();
                    async move {
                        directory.config("media").await.unwrap();
                    }
                }),
                tokio::spawn(async move {
                    tokio::join!(
                        async { directory.list(&account, "list").await.unwrap() },
                        async { directory.callflow_by_number(&account, "2001").await.unwrap() },
                        async { directory.patterns(&account).await.unwrap() },
                    );
                }),
            ]
        };
        let before = spawn();
        settle().await;
        assert_eq!(fake.reads().len(), 7, "all reads have seen the old documents");
        fake.store(&documents(2));
        forget(&directory);
        drop(shut);
        // Readers that come now may meet the old reads in flight, and must not join them.
        assert_eq!(versions(&directory).await, [2; 6]);
        for reader in before {
            reader.await.unwrap();
        }
        assert_eq!(versions(&directory).await, [2; 6]);
    }
}

/// A source whose one document counts up.
struct Counting(AtomicU64);

#[async_trait]
impl Source for Counting {
    async fn document(&self, _: &Database, id: &str) -> Result<Option<Value>, ReadError> {
        let version = self.0.load(Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(Some(json!({ "_id": id, "version": version, "default": { "version": version } })))
    }

    async fn view(&self, _: &Database, _: &ViewQuery<'_>) -> Result<Vec<Row>, ReadError> {
        Ok(Vec::new())
    }

    async fn answers(&self) -> Result<(), ReadError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_after_a_notice_sees_the_change() {
    let source = Arc::new(Counting(AtomicU64::new(0)));
    // Small enough that things are dropped for want of room all the time, too.
    let options = DirectoryOptions { capacity: 8, ..DirectoryOptions::default() };
    let directory = Directory::new(Arc::<Counting>::clone(&source), options);
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let directory = directory.clone();
            tokio::spawn(async move {
                loop {
                    directory.document(&account_db(), "dev").await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 1..=3000_u64 {
        source.0.store(round, Ordering::SeqCst);
        match round % 3 {
            0 => directory.forget(&account_db(), Some("device"), "dev"),
            1 => directory.forget_database(&account_db()),
            _ => directory.forget_everything(),
        }
        let seen = directory.document(&account_db(), "dev").await.unwrap().unwrap();
        assert_eq!(seen["version"], round);
    }
    for reader in readers {
        reader.abort();
    }
}

#[tokio::test]
async fn what_is_forgotten_gives_its_memory_back() {
    let forgets: [Forget; 3] = [
        |directory| directory.forget(&account_db(), Some("callflow"), "flow"),
        |directory| directory.forget(&account_db(), Some("list_entry"), "entry"),
        |directory| directory.forget_database(&account_db()),
    ];
    let fake = Fake::new(&documents(1));
    let directory = directory(&fake);
    let read_once: BTreeMap<_, _> = {
        versions(&directory).await;
        settled(&directory, |_| false).await
    };
    for forget in forgets.into_iter().cycle().take(60) {
        forget(&directory);
        versions(&directory).await;
    }
    let kept = settled(&directory, |kept| *kept == read_once).await;
    assert_eq!(kept, read_once);
}

/// What is kept once it is as wanted, or after a while: the caches count behind their changes.
async fn settled(
    directory: &Directory,
    wanted: impl Fn(&BTreeMap<&'static str, u64>) -> bool,
) -> BTreeMap<&'static str, u64> {
    for _ in 0..100 {
        let kept = directory.kept().into_iter().collect();
        if wanted(&kept) {
            return kept;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        // Reading is what makes them catch up.
        versions(directory).await;
    }
    directory.kept().into_iter().collect()
}
