//! What the system tells of this process, read from its files. Where there is no such file there is no answer.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use crate::metrics::{Room, Throttling};

/// Time in which the calling thread was ready and had no core, in nanoseconds.
pub(super) fn runqueue_wait_ns() -> Option<u64> {
    schedstat().map(|(_, waited)| waited)
}

/// Time in which the calling thread ran, and in which it was ready and had no core, in nanoseconds.
pub(super) fn schedstat() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some((word(&text, 0)?, word(&text, 1)?))
}

/// The machine's CPU time since it started, and what of it the hypervisor gave to others, in ticks.
pub(super) fn steal_ticks() -> Option<(u64, u64)> {
    steal_of(&fs::read_to_string("/proc/stat").ok()?)
}

fn steal_of(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    // user nice system idle iowait irq softirq steal; what follows is part of user and nice.
    let ticks: Vec<u64> =
        line.split_whitespace().skip(1).take(8).map_while(|word| word.parse().ok()).collect();
    Some((ticks.iter().sum(), *ticks.get(7)?))
}

/// The most throttled of the process's control groups: its own and those above it.
pub(super) fn throttling() -> Option<Throttling> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let found =
        groups.lines().flat_map(cpu_stats).filter_map(|path| throttling_of(&fs::read_to_string(path).ok()?));
    found.reduce(|a, b| if b.time_s > a.time_s { b } else { a })
}

/// Where `cpu.stat` of a line of `/proc/self/cgroup` may be, and of each group above it.
fn cpu_stats(line: &str) -> Vec<PathBuf> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return vec![] };
    let root = match controllers {
        // Version 2 has no controllers in its line.
        "" => Path::new("/sys/fs/cgroup"),
        list if list.split(',').any(|name| name == "cpu") => Path::new("/sys/fs/cgroup/cpu"),
        _ => return vec![],
    };
    let group = Path::new(path.trim_start_matches('/'));
    group.ancestors().map(|group| root.join(group).join("cpu.stat")).collect()
}

fn throttling_of(stat: &str) -> Option<Throttling> {
    let number = |key: &str| {
        let line = stat.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
        line.trim().parse::<u64>().ok()
    };
    let periods = number("nr_throttled")?;
    // Version 2 counts microseconds, version 1 nanoseconds.
    let time_s = number("throttled_usec").map(|us| us as f64 / 1e6);
    Some(Throttling { periods, time_s: time_s.or(number("throttled_time").map(|ns| ns as f64 / 1e9))? })
}

/// Open files of this process, and how many it may have.
pub(super) fn open_files() -> Option<Room> {
    // The size of this directory is the number of its entries since Linux 6.2; before it is 0.
    let most = fs::metadata("/proc/self/fd").ok()?.len();
    let limit = getrlimit(Resource::Nofile).current?;
    (most > 0).then_some(Room { most, limit })
}

/// Local ports as [`crate::metrics::Health::local_ports`] counts them.
pub(super) fn local_ports(open_files: u64) -> Option<Room> {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let limit = word(&range, 1)?.checked_sub(word(&range, 0)?)? + 1;
    let waiting = time_wait(&fs::read_to_string("/proc/net/sockstat").ok()?)?;
    Some(Room { most: open_files + waiting, limit })
}

fn time_wait(sockstat: &str) -> Option<u64> {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:"))?;
    line.split_whitespace().skip_while(|word| *word != "tw").nth(1)?.parse().ok()
}

fn word(text: &str, index: usize) -> Option<u64> {
    text.split_whitespace().nth(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_the_eighth_number_of_the_machines_line() {
        let stat = "cpu  136026 1213 23141 1180914 1373 0 1748 71 5 6\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(steal_of(stat), Some((1_344_486, 71)));
        assert_eq!(steal_of("cpu  1 2 3\n"), None);
    }

    #[test]
    fn throttling_is_read_in_both_versions_and_from_every_group_above() {
        let v2 = throttling_of("usage_usec 5\nnr_periods 9\nnr_throttled 4\nthrottled_usec 1500000\n");
        assert_eq!(v2, Some(Throttling { periods: 4, time_s: 1.5 }));
        let v1 = throttling_of("nr_periods 9\nnr_throttled 4\nthrottled_time 1500000000\n");
        assert_eq!(v1, v2);
        assert_eq!(throttling_of("usage_usec 5\n"), None);
        let paths = |line| cpu_stats(line).iter().map(|p| p.display().to_string()).collect::<Vec<_>>();
        assert_eq!(
            paths("0::/a/b"),
            ["a/b", "a", ""].map(|g| Path::new("/sys/fs/cgroup")
                .join(g)
                .join("cpu.stat")
                .display()
                .to_string())
        );
        assert_eq!(paths("1:cpu,cpuacct:/"), ["/sys/fs/cgroup/cpu/cpu.stat"]);
        assert!(paths("4:memory:/x").is_empty() && paths("x").is_empty());
    }

    #[test]
    fn connections_that_still_wait_are_counted() {
        assert_eq!(time_wait("sockets: used 9\nTCP: inuse 5 orphan 0 tw 12 alloc 8 mem 1\n"), Some(12));
        assert_eq!(time_wait("UDP: inuse 1\n"), None);
    }
}
