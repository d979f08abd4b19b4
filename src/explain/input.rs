//! What may be said of a call, on the command line and in the console.

use crate::peer::Seam;
use crate::settings::Seams;

/// The seam of a call where none is said: the one that a worker with these settings serves. Both
/// together are for an upgrade to master.
pub fn seam(seams: Seams) -> Seam {
    if seams.execute { Seam::Execute } else { Seam::Route }
}

/// An account id: 32 characters, which KAZOO writes in lower-case hexadecimal.
pub fn account_id(text: &str) -> Result<String, &'static str> {
    if text.len() == 32 && text.chars().all(|c| c.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        Err("an account id has 32 letters and digits")
    }
}

/// A dialled number, or whatever else a phone can dial.
pub fn dialled(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '@') {
        Err("a dialled number has at least one character and no blanks")
    } else {
        Ok(text.to_owned())
    }
}

/// Keys of a phone.
pub fn key_presses(text: &str) -> Result<String, &'static str> {
    if text.chars().all(|c| "0123456789*#ABCD".contains(c)) {
        Ok(text.to_owned())
    } else {
        Err("keys are 0 to 9, *, # and A to D")
    }
}
