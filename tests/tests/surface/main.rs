//! What users read: the README, and what the compiler says about right and wrong annotations.

mod mistakes;
mod readme;
mod right_uses;
