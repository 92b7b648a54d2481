//! A runtime that looks at the directory all the time never finds it without a configuration.

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::inotify;

use super::*;

/// What the runtime would use now. The file may go between listing and reading; then it looks again,
/// as a runtime does on the event.
fn first(node: &Node) -> (String, String) {
    loop {
        let mut files: Vec<_> = fs::read_dir(node.places().cni_conf_dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|file| file.extension().is_some_and(|end| end == "conflist"))
            .collect();
        files.sort();
        let first = files.first().expect("no configuration at all");
        if let Ok(text) = fs::read_to_string(first) {
            return (first.file_name().unwrap().to_str().unwrap().to_owned(), text);
        }
    }
}

/// Fails unless what is first can be used: whole, and its plugin there.
pub(super) fn assert_usable(node: &Node) -> String {
    let (name, text) = first(node);
    let value: serde_json::Value = serde_json::from_str(&text).expect("half a configuration");
    if name == CONFIGURATION {
        assert_eq!(value["plugins"][0]["type"], PLUGIN);
        let there = node.bin(PLUGIN).is_file();
        // It may have been uninstalled since it was read: the configuration goes first.
        assert!(there || !node.conf(CONFIGURATION).exists(), "a configuration without its plugin");
    } else {
        assert_eq!((name.as_str(), text.as_str()), ("10-calico.conflist", CALICO));
    }
    name
}

#[test]
fn a_thousand_rounds_never_leave_a_window() {
    let node = Node::new();
    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let observer = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                seen.insert(assert_usable(&node));
            }
            seen
        });
        for _ in 0..1000 {
            node.install().unwrap();
            node.uninstall().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        observer.join().unwrap()
    });
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [CONFIGURATION, "10-calico.conflist"]);
}

#[test]
fn the_other_configuration_is_never_touched_and_ours_comes_as_a_whole() {
    let node = Node::new();
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    let changes = inotify::WatchFlags::CREATE
        | inotify::WatchFlags::MODIFY
        | inotify::WatchFlags::ATTRIB
        | inotify::WatchFlags::DELETE
        | inotify::WatchFlags::MOVE;
    inotify::add_watch(&watch, node.places().cni_conf_dir, changes).unwrap();
    for _ in 0..10 {
        node.install().unwrap();
        node.install().unwrap();
        node.uninstall().unwrap();
    }
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(&watch, &mut buffer);
    let mut ours = Vec::new();
    while let Ok(event) = reader.next() {
        let name = event.file_name().unwrap().to_str().unwrap().to_owned();
        assert_ne!(name, "10-calico.conflist", "{event:?}");
        if name == CONFIGURATION {
            ours.push(event.events());
        }
    }
    let round = [inotify::ReadFlags::MOVED_TO, inotify::ReadFlags::DELETE];
    assert_eq!(ours, round.repeat(10));
}
