//! What changes on a page, as server-sent events.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::routes::State;
use super::session::Session;
use crate::model::Filter;
use crate::page::{self, Scene, Section, View};

/// The most pages that are kept up to date at the same time.
const MOST: usize = 64;
/// How long changes are gathered before they are shown.
const GATHER: Duration = Duration::from_millis(120);
/// How often ages are shown anew, though nothing has changed.
const AGEING: Duration = Duration::from_secs(10);

/// Room for this many pages.
pub(super) fn streams() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST))
}

/// A page that is followed.
pub(super) struct Followed {
    pub(super) cookie: String,
    pub(super) session: Arc<Session>,
    pub(super) view: View,
    pub(super) filter: Filter,
}

/// Follows a page: first all its parts, then each that has changed.
pub(super) fn follow(
    state: Arc<State>,
    followed: Followed,
    room: OwnedSemaphorePermit,
) -> Response {
    // One event under way and one that waits: a browser that does not read gets the next state
    // when it does, and nothing is kept for it.
    let (sender, mut events) = mpsc::channel(1);
    tokio::spawn(async move {
        let gone = sender.clone();
        tokio::select! {
            () = work(&state, &followed, sender) => {}
            () = gone.closed() => {}
            () = state.shutdown.triggered() => {}
        }
        drop(room);
    });
    let events = futures::stream::poll_fn(move |context| events.poll_recv(context));
    Sse::new(infallible(events)).keep_alive(KeepAlive::default()).into_response()
}

fn infallible(events: impl Stream<Item = Event>) -> impl Stream<Item = Result<Event, Infallible>> {
    futures::StreamExt::map(events, Ok)
}

async fn work(state: &State, followed: &Followed, sender: mpsc::Sender<Event>) {
    let mut changes = followed.session.observer.changes();
    let mut metrics = state.scraper.latest();
    let mut shown: HashMap<&'static str, String> = HashMap::new();
    loop {
        changes.mark_unchanged();
        metrics.mark_unchanged();
        if state.sessions.find(&followed.cookie).is_none() {
            let _ = sender.send(Event::default().event("end").data("-")).await;
            return;
        }
        let began = Instant::now();
        let parts = parts(state, followed);
        // In a large cluster that changes all the time, most of it stays for others.
        let pause = GATHER.max(began.elapsed() * 4);
        for section in parts {
            if shown.get(section.id) == Some(&section.rev) {
                continue;
            }
            // Texts always become JSON, without line breaks.
            let data = serde_json::to_string(&section).unwrap_or_default();
            let event = Event::default().event("part").data(data);
            if sender.send(event).await.is_err() {
                return;
            }
            shown.insert(section.id, section.rev);
        }
        let changed = async {
            let next = pin!(changes.changed());
            // Without sources of metrics, or with none left, there is no news of them.
            let news = pin!(async {
                if metrics.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            });
            futures::future::select(next, news).await;
            tokio::time::sleep(pause).await;
        };
        // What is only older now needs no hurry.
        let _ = tokio::time::timeout(AGEING, changed).await;
    }
}

fn parts(state: &State, followed: &Followed) -> Vec<Section> {
    let scrapes = state.scraper.latest().borrow().clone();
    let csrf = state.sessions.form_token(&followed.cookie);
    let scene = Scene {
        view: followed.view,
        filter: &followed.filter,
        scrapes: &scrapes,
        scraping: state.scraper.asks(),
        now: Timestamp::now(),
        csrf: &csrf,
    };
    let rendered = page::sections(&followed.session.observer.world(), &scene);
    rendered.unwrap_or_else(|error| {
        tracing::error!(error = %error, "cannot render a page");
        Vec::new()
    })
}
