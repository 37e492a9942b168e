//! What a mail server says, fit for a log.

/// Servers repeat whom they refuse: `550 <ada@acme.example>: rejected` becomes `550 <[address]>: rejected`.
/// So does the recipient's name at their own server, which some say alone.
pub(super) fn without_addresses(answer: &str, recipient: &str) -> String {
    let user = recipient.rsplit_once('@').map_or(recipient, |(user, _)| user);
    let is_personal = |word: &str| {
        let word = word.trim_matches(['.', ':', ',', '\'', '"']);
        word.contains('@') || word.eq_ignore_ascii_case(user)
    };
    let mut masked = String::with_capacity(answer.len());
    for piece in answer.split_inclusive(is_between) {
        let word = piece.trim_end_matches(is_between);
        let (shown, between) =
            (if is_personal(word) { "[address]" } else { word }, &piece[word.len()..]);
        masked.push_str(shown);
        masked.push_str(between);
    }
    masked
}

fn is_between(char: char) -> bool {
    char.is_whitespace() || "<>()[];".contains(char)
}

#[cfg(test)]
mod tests {
    use super::without_addresses;

    #[test]
    fn an_answer_is_shown_without_the_addresses_that_it_repeats() {
        for (answer, shown) in [
            (
                "permanent error (550): 5.1.1 <ada@acme.example>: rejected",
                "permanent error (550): 5.1.1 <[address]>: rejected",
            ),
            ("550 Ada@ACME.example... no such user", "550 [address] no such user"),
            (
                "550 no mailbox for 'ada': ask (postmaster@acme.example)",
                "550 no mailbox for [address] ask ([address])",
            ),
            ("550 to=ada@acme.example", "550 [address]"),
            ("451 try again later", "451 try again later"),
            ("", ""),
        ] {
            assert_eq!(without_addresses(answer, "ada@acme.example"), shown);
        }
    }
}
