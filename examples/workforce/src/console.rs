//! What is said to whoever started the program. That nobody listens any more, such as `head`, is no reason
//! to fail: what runs has to end in good order.

use std::fmt::Display;
use std::io::{self, Write as _};

/// On standard output.
pub(crate) fn say(text: impl Display) {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "{text}").and_then(|()| output.flush());
}

/// On standard error.
pub(crate) fn complain(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}
