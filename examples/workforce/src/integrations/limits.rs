//! How much other programs may send.

/// The largest bodies, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a delivery from GitHub, which itself stops at 25 MB.
    pub github: usize,
    /// Of a file from Upwork that is sent over HTTP; the command line takes any size.
    pub upwork: usize,
}

impl Default for Limits {
    /// 1 MiB and 10 MiB.
    fn default() -> Self {
        Self { github: 1024 * 1024, upwork: 10 * 1024 * 1024 }
    }
}
