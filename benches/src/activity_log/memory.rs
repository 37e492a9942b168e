//! How much memory this process has.

/// In MiB, now and at most; prints nothing on systems without `proc(5)`.
pub(crate) fn report(when: &str) {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    let mebibytes = |field: &str| {
        let line = status.lines().find(|line| line.starts_with(field))?;
        let kibibytes = line.split_whitespace().nth(1)?.parse::<u64>().ok()?;
        Some(kibibytes / 1024)
    };
    if let (Some(now), Some(most)) = (mebibytes("VmRSS:"), mebibytes("VmHWM:")) {
        println!("  memory {when:<39} {now:>8} MiB, {most} MiB at most");
    }
}
