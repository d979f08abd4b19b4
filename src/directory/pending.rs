//! Stands where `callflow::Patterns` will.

/// An account's callflow patterns.
#[derive(Debug, Default)]
pub struct Patterns {
    rows: Vec<(String, String)>,
}

impl Patterns {
    /// Takes rows of (pattern, id of the callflow) in the view's order.
    pub fn compile<P: AsRef<str>, F: Into<String>>(rows: impl IntoIterator<Item = (P, F)>) -> Self {
        let own = |(pattern, flow): (P, F)| (pattern.as_ref().to_owned(), flow.into());
        Self { rows: rows.into_iter().map(own).collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
