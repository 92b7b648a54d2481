//! The documentation as a test: every command on a page is run, and what it prints is compared.
//!
//! ```text
//! page.md ── Page::read ──> steps ── run ──> Machine (one shell, thrown away) ──> Expected::met_by
//!                  │
//!                  └──> left out, each with its reason       links::broken ── links, anchors, pictures
//! ```
//!
//! A page is read as people read it: from the top, in one shell. What is in a block says its language:
//!
//! | language | meaning |
//! |---|---|
//! | `sh` | commands; they are run, and must succeed |
//! | `console` | a transcript: after `$ ` commands, below each what it prints |
//! | `text` | what the commands above print, compared |
//! | `usage` | forms of commands, not commands |
//! | `yaml`, `toml`, … | data |
//!
//! In expected output `...` stands for any lines, or for any text in a line; runs of blanks are one
//! blank; digests, times, durations and ports are any. What is known only to the test stands in
//! comments before the block, which readers do not see; see [`mark`](self) below:
//!
//! | comment | meaning |
//! |---|---|
//! | `<!-- needs: kubectl, cni-plugins -->` | of the page: programs without which it is skipped, loudly |
//! | `<!-- machines: seeder 10.77.0.1, worker 10.77.0.2 -->` | of the page: machines on a switch; the first is meant where none is named |
//! | `<!-- run: on worker, exit 2, until, background -->` | on which machine; with which exit code; again until the output is as expected; without waiting for its end |
//! | `<!-- file: node.yaml -->` | the block is a file of this path |
//! | `<!-- output -->` | the block, of any language, is what the commands above print |
//! | `<!-- background: on worker -->` | the block is what the last commands in the background print by and by, from the beginning |
//! | `<!-- hidden` … `-->` | commands of the lines below, which only the test runs; `hidden on worker, until` |
//! | `<!-- not run: why -->` | commands that no test can run |
//! | `<!-- illustration: why -->` | text that nothing prints here |
//! | `<!-- note: … -->` | for whoever edits the page |
//!
//! Hidden commands find what was printed before in the file `$PRINTED`, and hand things to another
//! machine in the folder `/run/docs`.
//!
//! Invariants: a block that is neither run nor marked is an error, and so is a mark that is not
//! known. What a page does to its machine is gone with it: files, processes, interfaces.

mod expect;
pub mod links;
mod machine;
mod mark;
mod page;
mod run;

pub use machine::{Installed, MachineError};
pub use page::{LeftOut, Page, PageError};
pub use run::{RunError, Transcript, possible, run};
