//! Reading the files of a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Database, Folder};

/// A folder that cannot be read, with the place to look at.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system's error.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// There is nothing that looks like a database.
    #[error(
        "{} holds no database; expected one sub-folder per database, such as `system_config` or \
         `account%2F12%2F34%2F56…`", path.display()
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A sub-folder is no database.
    #[error(
        "{} is not named like a database of KAZOO; write slashes as %2F", path.display()
    )]
    Name {
        /// The sub-folder.
        path: PathBuf,
    },
    /// A file is not JSON.
    #[error("{} is not JSON: {error}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        error: serde_json::Error,
    },
    /// A value is not an object.
    #[error("{place} is not a document: it is not a JSON object")]
    NoDocument {
        /// File and position.
        place: String,
    },
    /// A document has no id.
    #[error("{place} has no `_id`; every document needs one that is a text and not empty")]
    NoId {
        /// File and position.
        place: String,
    },
    /// Two documents have the same id.
    #[error("{place} has `_id` `{id}`, which another document of database `{database}` has, too")]
    Twice {
        /// File and position of the later one.
        place: String,
        /// The id.
        id: String,
        /// The database.
        database: Database,
    },
}

impl FolderError {
    /// The file or folder, and the position in it where there is one.
    pub fn place(&self) -> String {
        match self {
            Self::Io { path, .. }
            | Self::Empty { path }
            | Self::Name { path }
            | Self::Json { path, .. } => path.display().to_string(),
            Self::NoDocument { place } | Self::NoId { place } | Self::Twice { place, .. } => {
                place.clone()
            }
        }
    }
}

/// The documents that can be used, with what keeps the others from it.
pub(super) fn open(path: &Path) -> Result<(Folder, Vec<FolderError>), FolderError> {
    let mut folder = Folder::default();
    let mut damage = Vec::new();
    for entry in entries(path)? {
        if !entry.is_dir() {
            continue;
        }
        let name = entry.file_name().and_then(|name| name.to_str());
        let Some(database) = name.and_then(Database::from_encoded) else {
            damage.push(FolderError::Name { path: entry });
            continue;
        };
        folder.databases.entry(database.clone()).or_default();
        let files = entries(&entry).unwrap_or_else(|error| {
            damage.push(error);
            Vec::new()
        });
        for file in files {
            if file.extension().is_some_and(|extension| extension == "json") {
                read(&mut folder, &database, &file, &mut damage);
            }
        }
    }
    if folder.databases.is_empty() && damage.is_empty() {
        return Err(FolderError::Empty { path: path.to_owned() });
    }
    Ok((folder, damage))
}

fn read(folder: &mut Folder, database: &Database, file: &Path, damage: &mut Vec<FolderError>) {
    let value = fs::read(file)
        .map_err(|error| FolderError::Io { path: file.to_owned(), error })
        .and_then(|text| {
            serde_json::from_slice(&text)
                .map_err(|error| FolderError::Json { path: file.to_owned(), error })
        });
    let file = file.display();
    match value {
        Ok(Value::Array(documents)) => {
            for (position, document) in documents.into_iter().enumerate() {
                let place = format!("{file}, document {}", position + 1);
                damage.extend(folder.add(database, document, &place).err());
            }
        }
        Ok(document) => damage.extend(folder.add(database, document, &file.to_string()).err()),
        Err(error) => damage.push(error),
    }
}

/// What a folder holds, in the order of names; hidden entries are left out.
fn entries(path: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                entries.push(entry.path());
            }
        }
        entries.sort();
        Ok(entries)
    };
    list().map_err(|error| FolderError::Io { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn files_hold_one_document_or_several() {
        let folder = write(&[
            ("README.md", "not read"),
            (".git/config", "not read"),
            ("system_config/media.json", r#"{"_id":"media"}"#),
            ("account%2F12%2F34%2F56/all.json", r#"[{"_id":"b"},{"_id":"a"}]"#),
            ("account%2F12%2F34%2F56/none.json", "[]"),
            ("account%2F12%2F34%2F56/notes.txt", "not read"),
        ]);
        let (folder, damage) = open(folder.path()).unwrap();
        assert!(damage.is_empty(), "{damage:?}");
        let found: Vec<_> = folder
            .databases
            .iter()
            .map(|(database, documents)| (database.name(), documents.keys().collect::<Vec<_>>()))
            .collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, "account/12/34/56");
        assert_eq!(found[0].1, ["a", "b"]);
        assert_eq!(found[1].0, "system_config");
    }

    #[test]
    fn an_error_names_the_file_and_the_position() {
        for (files, said) in [
            (&[("README.md", "")][..], "holds no database"),
            (&[("a b/x.json", "{}")], "a b is not named like a database of KAZOO"),
            (&[("account%252F12/x.json", "{}")], "write slashes as %2F"),
            (&[("db/x.json", "{\n \"_id\": }")], "x.json is not JSON: expected value at line 2"),
            (&[("db/x.json", "")], "x.json is not JSON: EOF"),
            (&[("db/x.json", "7")], "x.json is not a document"),
            (&[("db/x.json", "[[]]")], "x.json, document 1 is not a document"),
            (&[("db/x.json", "{}")], "x.json has no `_id`"),
            (&[("db/x.json", r#"[{"_id":"a"},{"_id":""}]"#)], "x.json, document 2 has no `_id`"),
            (&[("db/x.json", r#"{"_id":7}"#)], "x.json has no `_id`"),
            (
                &[("db/x.json", r#"{"_id":"a"}"#), ("db/y.json", r#"[{"_id":"a"}]"#)],
                "y.json, document 1 has `_id` `a`, which another document of database `db`",
            ),
        ] {
            let folder = write(files);
            let error = Folder::open(folder.path()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let error = Folder::open(Path::new("/nonexistent/folder")).unwrap_err().to_string();
        assert!(error.contains("cannot read /nonexistent/folder"), "{error}");
    }

    #[test]
    fn what_can_be_read_is_read_beside_the_damage() {
        let folder = write(&[
            ("db/a.json", r#"[{"_id":"a"},{},{"_id":"b"}]"#),
            ("db/b.json", "{"),
            ("a b/x.json", "{}"),
        ]);
        let (folder, damage) = Folder::open_damaged(folder.path()).unwrap();
        let kept: Vec<_> = folder.databases.values().flat_map(|them| them.keys()).collect();
        assert_eq!(kept, ["a", "b"]);
        assert_eq!(damage.len(), 3, "{damage:?}");
    }
}
