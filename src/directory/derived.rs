//! What is made of categories of the configuration, and kept as long as these do not change.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Category, Directory};
use crate::{
    dynamic_cid::{CATEGORY, SystemConfig},
    numbers::Rules,
};

/// The category of number rules.
const NUMBER_MANAGER: &str = "number_manager";

/// What was made last.
#[derive(Default)]
pub(super) struct Derived {
    rules: Last<1, Rules>,
    settings: Last<4, SystemConfig>,
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

impl Directory {
    /// The system's number rules; those of KAZOO's code where the stored ones cannot be read.
    pub async fn number_rules(&self) -> Arc<Rules> {
        let category = if let Ok(category) = self.config(NUMBER_MANAGER).await {
            category
        } else {
            self.inner.observe("number_rules", "default");
            Arc::default()
        };
        self.inner.derived.rules.of([category], |[category]| {
            Rules::from_config(category.get("e164_converters"), category.get("classifiers"))
        })
    }

    /// The settings KAZOO's module reads, and the action's own category with what else stands in
    /// it. A category that cannot be read is empty: KAZOO's defaults hold.
    pub async fn system_config(&self) -> (Arc<SystemConfig>, Arc<Category>) {
        let read = async |category| self.config(category).await.unwrap_or_default();
        let (action, command, media, privacy) =
            tokio::join!(read(CATEGORY), read("call_command"), read("media"), read("privacy"));
        let categories = [Arc::clone(&action), command, media, privacy];
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
        (config, action)
    }
}
