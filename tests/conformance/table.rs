//! `docs/recommended.md`: where the preset `recommended` answers differently.

use std::path::Path;

use kazoo_dynamic_cid::dynamic_cid::Preset;

use crate::case::Case;
use crate::executor::{self, Seam};

const HEAD: &str = "# Where `recommended` differs

Written by `cargo test --test conformance -- --write-table`; the suite fails while it is out of date.
Of the recorded cases these are answered differently by the preset `recommended` than by KAZOO.

| Case | KAZOO | `recommended` | Caller ID then |
|---|---|---|---|
";

/// Writes the table, or checks that it is what would be written.
pub(crate) fn check(cases: &[&Case], write: bool) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recommended.md");
    let table = render(cases);
    if write {
        return std::fs::write(&path, table)
            .map_err(|error| format!("{}: {error}", path.display()));
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written == table {
        Ok(())
    } else {
        Err(format!(
            "{} is out of date: run cargo test --test conformance -- --write-table",
            path.display()
        ))
    }
}

fn render(cases: &[&Case]) -> String {
    let row = |case: &&Case| {
        let kazoo = executor::run(case, Preset::Kazoo, Seam::Core);
        let recommended = executor::run(case, Preset::Recommended, Seam::Core);
        (kazoo != recommended).then(|| {
            format!(
                "| `{}` | {} | {} | {} / {} |\n",
                case.id,
                kazoo.outcome,
                recommended.outcome,
                recommended.caller_id_name,
                recommended.caller_id_number,
            )
        })
    };
    std::iter::once(HEAD.to_owned()).chain(cases.iter().filter_map(row)).collect()
}
