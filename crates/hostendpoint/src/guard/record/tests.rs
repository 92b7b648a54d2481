#![allow(clippy::unwrap_used)]

use super::*;

fn clock(seconds: u64) -> BootClock {
    BootClock { boot_id: "this-boot".into(), uptime: Duration::from_secs(seconds) }
}

fn record(event: Event, seconds: u64) -> Record {
    Record::new(event, &clock(seconds), "2026-11-20T08:00:00Z".parse().unwrap())
}

#[test]
fn what_is_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("not/yet/there");
    assert_eq!(read(&state).unwrap(), Found::Nothing);
    for event in [Event::Locked, Event::Released, Event::ReleasedByOperator, Event::FailedOpen] {
        record(event, 12).write(&state).unwrap();
        assert_eq!(read(&state).unwrap(), Found::Record(record(event, 12)));
    }
    let left: Vec<_> =
        fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [RECORD]);
}

#[test]
fn a_corrupt_record_is_set_aside_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let whole = serde_json::to_string(&record(Event::Locked, 12)).unwrap();
    for (n, bytes) in
        [&b""[..], b"\0\0\0", b"{}", &whole.as_bytes()[..whole.len() / 2], b"\xff\xfe"]
            .into_iter()
            .enumerate()
    {
        fs::write(dir.path().join(RECORD), bytes).unwrap();
        let Found::Corrupt { set_aside, .. } = read(dir.path()).unwrap() else {
            panic!("{bytes:?} was understood")
        };
        assert_eq!(set_aside, dir.path().join(format!("{RECORD}.corrupt-{n}")));
        assert_eq!(fs::read(set_aside).unwrap(), bytes);
        assert_eq!(read(dir.path()).unwrap(), Found::Nothing);
    }
}

#[test]
fn a_record_of_another_boot_says_nothing_about_this_one() {
    let locked = record(Event::Locked, 12);
    assert_eq!(locked.locked_at(&clock(100)), Some(Duration::from_secs(12)));
    let rebooted = BootClock { boot_id: "the-next".into(), uptime: Duration::from_secs(20) };
    assert_eq!(locked.locked_at(&rebooted), None);
    assert_eq!(record(Event::Released, 12).locked_at(&clock(100)), None);
}

#[test]
fn a_time_in_the_future_does_not_count() {
    assert_eq!(record(Event::Locked, 500).locked_at(&clock(100)), Some(Duration::from_secs(100)));
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = record(Event::Locked, 1).write(&file.join("state")).unwrap_err();
    assert!(error.to_string().contains("file/state/guard.json"), "{error}");
}
