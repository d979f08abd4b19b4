//! What is made of categories of the configuration, and kept as long as these do not change.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Category, Directory, ReadError, clock};
use crate::{
    dynamic_cid::{CATEGORY, SystemConfig},
    numbers::Rules,
};

/// The category of number rules.
const NUMBER_MANAGER: &str = "number_manager";

/// How long settings are taken as they were found without looking each category up again. Notices
/// of changes end that at once.
const UNQUESTIONED: Duration = Duration::from_secs(1);

/// What a call needs of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The settings KAZOO's module reads.
    pub config: Arc<SystemConfig>,
    /// The action's own category, with what else stands in it.
    pub action: Arc<Category>,
    /// The system's number rules.
    pub rules: Arc<Rules>,
}

/// What was made last.
#[derive(Default)]
pub(super) struct Derived {
    rules: Last<1, Rules>,
    settings: Last<4, SystemConfig>,
    found: Mutex<Option<Found>>,
}

/// Settings, and what they are good for.
struct Found {
    settings: Settings,
    until: Instant,
    /// Changes of the configuration before they were read.
    changes: u64,
}

/// The last thing that was made of some categories.
struct Last<const N: usize, T>(Mutex<Option<Made<N, T>>>);

type Made<const N: usize, T> = ([Arc<Category>; N], Arc<T>);

impl<const N: usize, T> Default for Last<N, T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<const N: usize, T> Last<N, T> {
    /// The same as last time where the categories are the same, else made anew.
    fn of(
        &self,
        categories: [Arc<Category>; N],
        make: impl FnOnce(&[Arc<Category>; N]) -> T,
    ) -> Arc<T> {
        // Nothing is written before it was made, so a poisoned one is as good as any.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, made)) = &*last
            && of.iter().zip(&categories).all(|(of, now)| Arc::ptr_eq(of, now) || of == now)
        {
            return Arc::clone(made);
        }
        let made = Arc::new(make(&categories));
        *last = Some((categories, Arc::clone(&made)));
        made
    }
}

impl Derived {
    fn found(&self) -> std::sync::MutexGuard<'_, Option<Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Directory {
    /// What a call needs of the configuration. Of a category that cannot be read KAZOO's defaults
    /// hold.
    pub async fn settings(&self) -> Settings {
        let (derived, changes) = (&self.inner.derived, self.inner.config_changes());
        let now = clock::now();
        if let Some(found) = &*derived.found()
            && found.changes == changes
            && now < found.until
        {
            return found.settings.clone();
        }
        let (config, rules) = tokio::join!(self.read_system_config(), self.read_number_rules());
        let complete = config.is_ok() && rules.is_ok();
        let ((config, action), rules) =
            (config.unwrap_or_else(|other| other), rules.unwrap_or_else(|other| other));
        let settings = Settings { config, action, rules };
        // What could not be read is asked for again by the next call.
        if complete {
            let until = now + UNQUESTIONED.min(self.inner.shortest_life());
            *derived.found() = Some(Found { settings: settings.clone(), until, changes });
        }
        settings
    }

    /// The system's number rules; those of KAZOO's code where the stored ones cannot be read.
    pub async fn number_rules(&self) -> Arc<Rules> {
        self.read_number_rules().await.unwrap_or_else(|default| default)
    }

    /// The settings KAZOO's module reads, and the action's own category with what else stands in
    /// it. A category that cannot be read is empty: KAZOO's defaults hold.
    pub async fn system_config(&self) -> (Arc<SystemConfig>, Arc<Category>) {
        self.read_system_config().await.unwrap_or_else(|partly| partly)
    }

    /// [`number_rules`](Self::number_rules); an error where they could not be read.
    async fn read_number_rules(&self) -> Result<Arc<Rules>, Arc<Rules>> {
        let category = self.config(NUMBER_MANAGER).await;
        if category.is_err() {
            self.inner.observe("number_rules", "default");
        }
        all_or_some(is_known(&category), {
            let category = category.unwrap_or_default();
            self.inner.derived.rules.of([category], |[category]| {
                Rules::from_config(category.get("e164_converters"), category.get("classifiers"))
            })
        })
    }

    /// [`system_config`](Self::system_config); an error where a category could not be read.
    async fn read_system_config(
        &self,
    ) -> Result<(Arc<SystemConfig>, Arc<Category>), (Arc<SystemConfig>, Arc<Category>)> {
        let (action, command, media, privacy) = tokio::join!(
            self.config(CATEGORY),
            self.config("call_command"),
            self.config("media"),
            self.config("privacy")
        );
        let read = [action, command, media, privacy];
        let complete = read.iter().all(is_known);
        let categories = read.map(Result::<Arc<Category>, ReadError>::unwrap_or_default);
        let action = Arc::clone(&categories[0]);
        let config =
            self.inner.derived.settings.of(categories, |[action, command, media, privacy]| {
                SystemConfig::read(|category, key| {
                    let category = match category {
                        CATEGORY => action,
                        "call_command" => command,
                        "media" => media,
                        _ => privacy,
                    };
                    category.get(key)
                })
            });
        all_or_some(complete, (config, action))
    }
}

/// Whether there is nothing more to be had by asking again at once.
fn is_known(read: &Result<Arc<Category>, ReadError>) -> bool {
    read.as_ref().err().is_none_or(|error| error.class().is_missing())
}

/// What was made of all that it is made of, or of a part.
fn all_or_some<T>(all: bool, made: T) -> Result<T, T> {
    if all { Ok(made) } else { Err(made) }
}
