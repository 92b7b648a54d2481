//! What `/proc` says about this process, read at each scrape.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Unit of the times in `/proc`: `USER_HZ`, which is part of the kernel's interface and 100 on
/// every architecture that Rust's standard library supports (see proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// Nothing to register where there is no `/proc`.
#[derive(Debug)]
pub(super) struct ProcessCollector;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &str, help: &str, value: f64| {
            let gauge = ConstGauge::new(value);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)
        };
        let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
        let boot = fs::read_to_string("/proc/stat").ok().and_then(|text| boot_time(&text));
        if let (Some(stat), Some(boot)) = (&stat, boot) {
            let help = "Start of the process since the epoch, in seconds";
            gauge("process_start_time_seconds", help, boot + stat.started)?;
        }
        let status = fs::read_to_string("/proc/self/status").ok();
        if let Some(rss) = status.and_then(|text| resident(&text)) {
            gauge("process_resident_memory_bytes", "Resident memory, in bytes", rss)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            let open = open.count() as f64;
            gauge("process_open_fds", "Open file descriptors", open)?;
        }
        if let Some(stat) = stat {
            let cpu = ConstCounter::new(stat.cpu);
            let help = "User and system time spent, in seconds";
            let metric =
                encoder.encode_descriptor("process_cpu_seconds", help, None, cpu.metric_type())?;
            cpu.encode(metric)?;
        }
        Ok(())
    }
}

/// Of `/proc/self/stat`, in seconds.
#[derive(Debug, PartialEq)]
struct Stat {
    cpu: f64,
    /// Since the machine booted.
    started: f64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name of the program may contain spaces and parentheses: count from the last one.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Field numbers of proc(5), the first one here being the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu: (field(14)? + field(15)?) / TICKS_PER_SECOND,
            started: field(22)? / TICKS_PER_SECOND,
        })
    }
}

/// `btime` of `/proc/stat`: seconds since the epoch.
fn boot_time(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

/// `VmRSS` of `/proc/self/status`, in bytes.
fn resident(text: &str) -> Option<f64> {
    let kib = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = kib.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read_by_its_manual() {
        let line = "42 (a) b (c) S 1 42 42 0 -1 4194560 9 8 7 6 150 50 3 2 20 0 4 0 12345 99 1";
        assert_eq!(Stat::parse(line), Some(Stat { cpu: 2.0, started: 123.45 }));
        assert_eq!(Stat::parse("42 (a"), None);
        assert_eq!(Stat::parse("42 (a) S 1"), None);
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\nctxt 3\n"), Some(1_700_000_000.0));
        assert_eq!(resident("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
        assert_eq!(resident("VmPeak:\t 9 kB\n"), None);
    }
}
