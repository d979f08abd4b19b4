//! Which view holds an account's list entries.

use moka::sync::Cache;

use super::{
    Database, DirectoryOptions, ReadError, ReadErrorClass, Row, Source, Subject, ViewQuery,
    options::Keeping,
};

/// The views that may hold list entries, and which of them each account was seen to have.
pub(super) struct Lists {
    views: Vec<(String, String)>,
    /// The position in `views`, for accounts where it is not the first.
    seen: Cache<Database, usize>,
}

impl Lists {
    pub(super) fn new(options: &DirectoryOptions, keeping: &Keeping) -> Self {
        let seen =
            Cache::builder().max_capacity(options.capacity).time_to_live(keeping.ttl).build();
        Self { views: options.list_views.clone(), seen }
    }

    /// The entries of a list, at most `limit` rows.
    ///
    /// Where no view exists the error is that of the first.
    pub(super) async fn rows(
        &self,
        source: &dyn Source,
        database: &Database,
        list_id: &str,
        limit: usize,
    ) -> Result<Vec<Row>, ReadError> {
        let seen = self.seen.get(database);
        let order =
            seen.into_iter().chain((0..self.views.len()).filter(|view| Some(*view) != seen));
        let mut missing: Option<(usize, ReadError)> = None;
        for position in order {
            let (design, view) = &self.views[position];
            let query = ViewQuery {
                design,
                view,
                key: Some(list_id),
                include_docs: false,
                limit: Some(limit),
            };
            match source.view(database, &query).await {
                Err(error) if error.class() == ReadErrorClass::MissingView => {
                    if missing.as_ref().is_none_or(|(first, _)| position < *first) {
                        missing = Some((position, error));
                    }
                }
                Err(error) => return Err(error),
                Ok(rows) => {
                    self.remember(database, seen, position);
                    return Ok(rows);
                }
            }
        }
        Err(missing.map_or_else(
            || {
                let class = ReadErrorClass::MissingView;
                let subject = Subject::View(String::new());
                ReadError::new(class, database, subject, "no view is named for list entries")
            },
            |(_, error)| error,
        ))
    }

    fn remember(&self, database: &Database, seen: Option<usize>, position: usize) {
        match (seen, position) {
            (None, 0) => {}
            (_, 0) => self.seen.invalidate(database),
            (Some(seen), position) if seen == position => {}
            (_, position) => self.seen.insert(database.clone(), position),
        }
    }

    pub(super) fn forget_database(&self, database: &Database) {
        self.seen.invalidate(database);
    }

    pub(super) fn forget_everything(&self) {
        self.seen.invalidate_all();
    }
}
