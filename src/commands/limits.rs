//! `--memory`, `--cpus` and `--pids-limit`, read.

use crate::cgroup::Limits;
use crate::cli::os_string;
use crate::error::{Error, Result};
use crate::ui::human;

/// One page: a container with less memory cannot start.
const LEAST_MEMORY: u64 = 4096;
/// Thousandths: the kernel keeps no smaller share of a CPU (cpu.cfs_quota_us, one millisecond).
const LEAST_CPUS: u32 = 10;

/// What the options say. Errors are of kind `Usage`.
pub(super) fn limits(
    memory: &Option<String>,
    cpus: &Option<String>,
    pids: &Option<String>,
) -> Result<Limits> {
    let bytes = |text: &str| human::bytes(text).filter(|bytes| *bytes >= LEAST_MEMORY);
    Ok(Limits {
        memory: read(memory, "--memory", bytes, "a size such as 512M or 2G")?,
        cpus: read(cpus, "--cpus", thousandths, "a number of CPUs from 0.01 on, such as 2 or 1.5")?,
        pids: read(pids, "--pids-limit", count, "a whole number; 0 is no limit")?,
    })
}

fn read<T>(
    given: &Option<String>,
    option: &str,
    parse: impl Fn(&str) -> Option<T>,
    expected: &str,
) -> Result<Option<T>> {
    let Some(text) = given else { return Ok(None) };
    parse(text)
        .map(Some)
        .ok_or_else(|| Error::usage(format!("{option} '{}' is not {expected}", os_string(text).display())))
}

fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let number = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u32>().ok() };
    let digits: String = part.chars().chain("000".chars()).take(3).collect();
    let thousandths = number(whole)?.checked_mul(1000)?.checked_add(number(&digits)?)?;
    (thousandths >= LEAST_CPUS && part.bytes().all(|byte| byte.is_ascii_digit())).then_some(thousandths)
}

/// -1 is what Docker calls no limit.
fn count(text: &str) -> Option<u32> {
    if text == "-1" { Some(0) } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(
            ["1", "1.5", "0.01", ".5"].map(thousandths),
            [Some(1000), Some(1500), Some(10), Some(500)]
        );
        assert_eq!(["0", "0.001", "-1", "x", "", "1.x", "1.00x0", "99999999"].map(thousandths), [None; 8]);
        assert_eq!(["0", "-1", "100", "-2", "x"].map(count), [Some(0), Some(0), Some(100), None, None]);
    }
}
