//! Hashes that are stored, and shared by nodes.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// A hash of `parts` that is the same in every process and every version (SipHash-1-3 with the key 0). Each part is
/// hashed with its length, so that `["ab", "c"]` and `["a", "bc"]` differ.
pub fn stable_hash(parts: &[&str]) -> u64 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write(&(part.len() as u64).to_le_bytes());
        hasher.write(part.as_bytes());
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::stable_hash;

    #[test]
    fn a_stored_hash_never_changes() {
        assert_eq!(stable_hash(&["acme", "Employee", "7"]), 0xb35c_ff22_5d9e_353a);
        assert_ne!(stable_hash(&["ab", "c"]), stable_hash(&["a", "bc"]));
    }
}
