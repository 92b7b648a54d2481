//! Many repositories to images, manifests, bundles and releases.
//!
//! Ten repositories that need each other cannot be built one by one: each pins versions of the
//! others that are older than what lies beside it. The usual remedy is to edit their module files,
//! build, and hope to edit them back. Here nothing in a tree is ever edited. What each component
//! needs is read from its sources, and one digest, its key, tells what it is made of; everything
//! else follows from keys.
//!
//! ```text
//!  workspace.toml ─┐                 ┌──────────── sync: mirrors, trees, workspace.lock
//!  workspace.lock ─┤                 ▼
//!                  ├──▶ sources: state of each tree, go.mod, imports
//!                  │                 │
//!                  │                 ▼ graph: edges with reasons; circles and lies are errors
//!                  │                 │
//!                  │                 ▼ cache: a key for each component, before anything is built
//!                  │                 │
//!                  └──▶ build ──▶ image ──▶ index ──▶ push
//!                        │          │         └──▶ manifest_images ──▶ deploy: a verdict
//!                        │          └──▶ bundle: all of it in one file, for where no network is
//!                        └──▶ release: built twice, compared, tagged
//! ```
//!
//! # Invariants
//!
//! * **Trees stay clean.** Go and commands get copies of trees, and a command that changed a tree all
//!   the same fails.
//! * **Builds see what keys know.** What lies in a tree and is no part of the key, such as sources
//!   that git ignores, is in no copy.
//! * **A tree with work in it never moves.** `sync` leaves changed files and unpublished commits
//!   where they are, and says so.
//! * **One key, one result.** Outputs, tags and images are named by the key of what they are made
//!   of, which does not depend on where the workspace lies, or when. There is no path that could
//!   hold something older.
//! * **Nothing is replaced in vain.** A replace that names another module than it means is an error
//!   of the graph, and a program that was built without a module of the workspace is an error of
//!   the build.
//! * **The first failure ends it.** Nothing new is begun, nothing waits for ever.
//! * **Names are harmless before they are used**: they become paths, arguments and tags.
//!
//! Everything here blocks, and works in threads, because what it waits for are programs and files;
//! only registries and clusters are spoken to asynchronously.

pub mod build;
pub mod bundle;
pub mod cache;
pub mod deploy;
pub mod dev_vm;
mod file;
pub mod git;
pub mod go_module;
pub mod graph;
pub mod image;
mod leftover;
pub mod lock;
pub mod manifest;
pub mod manifest_images;
pub mod name;
mod parallel;
pub mod process;
pub mod progress;
pub mod push;
pub mod release;
pub mod sources;
pub mod status;
pub mod sync;
pub mod workspace;
