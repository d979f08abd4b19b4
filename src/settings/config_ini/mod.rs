//! KAZOO's `config.ini`.
//!
//! The file is KAZOO's, so it is read as KAZOO reads it: search order here, the text form in
//! `dialect`, which sections hold for this machine in `selection`, the brokers in `amqp`, the
//! database server in `couchdb`. Two files are never merged.
//!
//! Source: `kazoo_config_init.erl`, `kz_config.erl`, `kz_amqp_bootstrap.erl`, `kz_dataconfig.erl`.

mod amqp;
mod couchdb;
mod dialect;
mod selection;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use self::amqp::RemoteZone;
pub use self::dialect::SyntaxError;
pub use self::selection::DEFAULT_ZONE;
pub(super) use self::selection::{Kind, Viewpoint};

/// One `[section]` as written; names may repeat, and so may keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Section {
    name: String,
    entries: Vec<(String, String)>,
}

impl Section {
    /// The name between the brackets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keys in file order, repeated ones repeatedly.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// Every non-empty value of a key in file order.
    pub fn all(&self, key: &str) -> impl DoubleEndedIterator<Item = &str> {
        self.entries
            .iter()
            .filter(move |(name, value)| name == key && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a key: what KAZOO takes for a section's own `host`, `zone` and `name`.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// The last value of a key: what KAZOO takes where it makes a map of a section.
    pub fn last(&self, key: &str) -> Option<&str> {
        self.all(key).next_back()
    }
}

impl fmt::Debug for Section {
    /// Keys only: values may be passwords.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "[{}]", self.name)?;
        out.debug_set().entries(self.keys()).finish()
    }
}

/// A `config.ini`; without a file it is empty and every getter answers KAZOO's built-in default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigIni {
    path: Option<PathBuf>,
    sections: Vec<Section>,
}

/// Why a file was not used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be opened or read.
    #[error("{}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not a `config.ini`.
    #[error("{}: {source}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: SyntaxError,
    },
}

impl FileError {
    /// Nothing is there, as opposed to something that cannot be used.
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl ConfigIni {
    /// The content of a file, without a file.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        Ok(Self { path: None, sections: dialect::parse(text)? })
    }

    /// Reads one file.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let path = path.to_owned();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(FileError::Unreadable { path, source }),
        };
        // Old files have comments in Latin-1; KAZOO reads bytes.
        match dialect::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(sections) => Ok(Self { path: Some(path), sections }),
            Err(source) => Err(FileError::Syntax { path, source }),
        }
    }

    /// The first of several files that can be used, alone (`maybe_load_file/1`), and why those
    /// before it could not. None of them: empty.
    pub fn search(paths: &[PathBuf]) -> (Self, Vec<FileError>) {
        let mut skipped = Vec::new();
        for path in paths {
            match Self::read(path) {
                Ok(found) => return (found, skipped),
                Err(error) => skipped.push(error),
            }
        }
        (Self::default(), skipped)
    }

    /// The file this was read from.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// All sections of a name in file order, whoever they are for.
    pub fn sections<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Section> {
        self.sections.iter().filter(move |section| section.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config").join(name)
    }

    #[test]
    fn the_first_usable_file_is_taken_alone() {
        let absent = fixture("absent.ini");
        let broken = fixture("broken.ini");
        let (found, skipped) = ConfigIni::search(&[
            absent,
            broken.clone(),
            fixture("shipped.ini"),
            fixture("zones.ini"),
        ]);
        assert_eq!(found.path(), Some(fixture("shipped.ini").as_path()));
        assert_eq!(found.sections("zone").count(), 0);
        let absences: Vec<_> = skipped.iter().map(FileError::is_absence).collect();
        assert_eq!(absences, [true, false]);
        assert_eq!(
            skipped[1].to_string(),
            format!("{}: line 7: a quote is not closed", broken.display())
        );
    }

    #[test]
    fn without_a_file_there_are_no_sections() {
        let (found, skipped) = ConfigIni::search(&[fixture("absent.ini")]);
        assert_eq!((found.path(), skipped.len()), (None, 1));
        assert_eq!(found, ConfigIni::default());
    }

    #[test]
    fn values_are_not_shown() {
        let config = ConfigIni::parse("[bigcouch]\npassword = s3cret").unwrap();
        let shown = format!("{config:?}");
        assert!(shown.contains("password") && !shown.contains("s3cret"), "{shown}");
    }
}
