//! One thing that would make a call go wrong, and the collection of them.

use std::collections::HashSet;

use serde::Serialize;

use super::{Code, Severity, Snapshot};
use crate::directory::{Database, FolderError};

/// Something in a document that would make a call go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind of thing it is.
    pub code: Code,
    /// How bad it is for a caller.
    pub severity: Severity,
    /// The account; `None` for documents that all accounts share.
    pub account: Option<String>,
    /// The database of the document, as CouchDB lists it.
    pub database: String,
    /// The id of the document.
    pub document: String,
    /// A JSON pointer into it, `""` for the whole document.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What a call does.
    pub effect: &'static str,
    /// What to do about it.
    pub fix: &'static str,
    /// The number of the defect of KAZOO's that makes it go wrong, `D1` to `D33`.
    pub defect: Option<&'static str>,
}

/// Findings of one account, or of what all accounts share.
#[derive(Debug)]
pub(super) struct Findings {
    account: Option<String>,
    database: Database,
    found: Vec<Finding>,
}

impl Findings {
    pub(super) fn of_account(snapshot: &Snapshot) -> Self {
        let account = Some(snapshot.account.as_str().to_owned());
        Self { account, database: snapshot.database.clone(), found: Vec::new() }
    }

    pub(super) fn of_system() -> Self {
        Self { account: None, database: Database::system_config(), found: Vec::new() }
    }

    pub(super) fn extend(&mut self, others: impl IntoIterator<Item = Finding>) {
        self.found.extend(others);
    }

    /// Adds what is wrong at a place of a document.
    pub(super) fn add(
        &mut self,
        code: Code,
        document: &str,
        path: impl Into<String>,
        problem: impl Into<String>,
    ) {
        let account = self.account.clone();
        let finding = Finding::new(code, account, &self.database, document, path, problem);
        self.found.push(finding);
    }

    /// The worst first, each once.
    pub(super) fn sorted(mut self) -> Vec<Finding> {
        self.found.sort_by(|one, other| {
            let order = |it: &Finding| (it.severity, it.database.clone(), it.document.clone());
            order(one)
                .cmp(&order(other))
                .then_with(|| (&one.path, one.code).cmp(&(&other.path, other.code)))
        });
        let mut seen = HashSet::new();
        self.found.retain(|it| {
            let whole = (it.code, it.document.clone(), it.path.clone(), it.problem.clone());
            seen.insert(whole)
        });
        self.found
    }
}

impl Finding {
    /// A part of a folder of documents that cannot be used.
    pub fn of_folder(damage: &FolderError) -> Self {
        let (database, account) = (String::new(), None);
        let problem = damage.to_string();
        let code = Code::Unreadable;
        Self::at(code, account, database, &damage.place(), String::new(), problem)
    }

    pub(super) fn new(
        code: Code,
        account: Option<String>,
        database: &Database,
        document: &str,
        path: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        Self::at(code, account, database.name().to_owned(), document, path.into(), problem.into())
    }

    fn at(
        code: Code,
        account: Option<String>,
        database: String,
        document: &str,
        path: String,
        problem: String,
    ) -> Self {
        Self {
            code,
            severity: code.severity(),
            account,
            database,
            document: document.to_owned(),
            path,
            problem,
            effect: code.effect(),
            fix: code.fix(),
            defect: code.defect(),
        }
    }
}
