//! Candidates with clocks that disagree and drift, on a network that delays and loses requests and
//! answers, pausing, crashing and resigning: never two of them may write.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

/// Milliseconds of the simulation; nobody in it can read them.
type Time = u64;

/// Faults stop here; afterwards someone must lead before [`END`].
const CALM: Time = 300_000;
const END: Time = CALM + 90_000;

#[derive(Clone, Copy, Debug)]
struct Weather {
    seed: u64,
    candidates: usize,
    timing: Timing,
    /// In thousandths, of each request and of each answer.
    loss: u64,
    /// In thousandths of all latencies.
    slow: u64,
    slowest: Time,
    /// In thousandths, at each step of a candidate, as are the following.
    partitions: u64,
    pauses: u64,
    crashes: u64,
    resignations: u64,
}

fn weather() -> impl Strategy<Value = Weather> {
    let slowest = prop_oneof![1..1_000u64, 3_000..5_000u64, 1..40_000u64];
    let faults = (0..400u64, 0..900u64, slowest, 0..150u64, 0..60u64, 0..20u64, 0..20u64);
    let timing = prop_oneof![Just(Timing::default()), Just(tight())];
    (any::<u64>(), 2..5usize, timing, faults).prop_map(
        |(
            seed,
            candidates,
            timing,
            (loss, slow, slowest, partitions, pauses, crashes, resignations),
        )| {
            Weather {
                seed,
                candidates,
                timing,
                loss,
                slow,
                slowest,
                partitions,
                pauses,
                crashes,
                resignations,
            }
        },
    )
}

/// The least margin that is allowed: shorter than a request may take.
fn tight() -> Timing {
    Timing::new(15 * SECOND, 12 * SECOND, 2 * SECOND).unwrap()
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A candidate is due to act.
    Step { candidate: usize, request: u64 },
    /// A request reaches the server.
    Arrival { candidate: usize, request: u64, identity: String, write: Option<Write> },
    /// An answer reaches its candidate: a record or none, or a refusal.
    Answer { candidate: usize, request: u64, refused: bool, version: Option<(u64, Option<String>)> },
    /// A candidate gives up waiting for an answer.
    Timeout { candidate: usize, request: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Write {
    /// `None`: create.
    version: Option<u64>,
    holder: Option<String>,
}

struct Candidate {
    view: View,
    epoch: Instant,
    /// Its clock runs this many thousandths of the true speed.
    speed: u64,
    lives: u64,
    /// The request or step that it waits for.
    request: u64,
    action: Action,
    sent: Instant,
    resigned: bool,
    /// Nothing it sends arrives before this time.
    cut_off_until: Time,
}

struct World {
    weather: Weather,
    random: u64,
    now: Time,
    queue: BinaryHeap<Reverse<(Time, u64, Event)>>,
    sequence: u64,
    lease: Option<(u64, Option<String>)>,
    version: u64,
    candidates: Vec<Candidate>,
    terms: u64,
}

impl World {
    fn new(weather: Weather) -> Self {
        let mut world = Self {
            weather,
            random: weather.seed,
            now: 0,
            queue: BinaryHeap::new(),
            sequence: 0,
            lease: None,
            version: 0,
            candidates: Vec::new(),
            terms: 0,
        };
        for n in 0..weather.candidates {
            let offset = world.draw(1_000_000_000);
            let candidate = Candidate {
                view: View::new(format!("{n}-0"), weather.timing),
                epoch: Instant::now() + Duration::from_millis(offset),
                // Far worse than any crystal, and still within the least margin.
                speed: 950 + world.draw(101),
                lives: 0,
                request: 0,
                action: Action::Done,
                sent: Instant::now(),
                resigned: false,
                cut_off_until: 0,
            };
            world.candidates.push(candidate);
            let delay = world.draw(5_000);
            world.later(delay, Event::Step { candidate: n, request: 0 });
        }
        world
    }

    /// splitmix64
    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below.max(1)
    }

    /// Something bad that happens this often, in thousandths, until it is calm.
    fn strikes(&mut self, thousandths: u64) -> bool {
        self.draw(1000) < thousandths && self.now < CALM
    }

    fn later(&mut self, delay: Time, event: Event) {
        self.sequence += 1;
        self.queue.push(Reverse((self.now + delay, self.sequence, event)));
    }

    /// Mostly fast, sometimes very slow.
    fn latency(&mut self) -> Time {
        let slow = self.strikes(self.weather.slow);
        self.draw(if slow { self.weather.slowest } else { 50 }) + 1
    }

    fn local(&self, candidate: usize) -> Instant {
        let c = &self.candidates[candidate];
        c.epoch + Duration::from_millis(self.now) * u32::try_from(c.speed).unwrap() / 1000
    }

    fn writers(&self) -> Vec<usize> {
        let certain = |n: &usize| {
            let c = &self.candidates[*n];
            !c.resigned && c.view.certain_until(self.local(*n)).is_some()
        };
        (0..self.candidates.len()).filter(certain).collect()
    }

    fn run(&mut self) -> Result<(), TestCaseError> {
        while let Some(Reverse((time, _, event))) = self.queue.pop() {
            if time > END {
                break;
            }
            self.now = time;
            self.happen(event);
            let writers = self.writers();
            prop_assert!(writers.len() < 2, "two writers at {time} ms: {writers:?}");
        }
        self.now = END;
        prop_assert_eq!(self.writers().len(), 1, "nobody leads although all is calm");
        prop_assert!(self.terms > 0);
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step { candidate, request } | Event::Timeout { candidate, request }
                if request != self.candidates[candidate].request => {}
            Event::Step { candidate, .. } => self.step(candidate),
            Event::Timeout { candidate, .. } => {
                let now = self.local(candidate);
                self.candidates[candidate].view.refused(Refusal::Unknown, now);
                self.step(candidate);
            }
            Event::Arrival { candidate, request, identity, write } => {
                let (refused, version) = self.serve(write);
                let ours = identity.starts_with(&format!("{candidate}-"));
                let loss = self.weather.loss;
                if ours && !self.strikes(loss) {
                    let delay = self.latency();
                    self.later(delay, Event::Answer { candidate, request, refused, version });
                }
            }
            Event::Answer { candidate, request, refused, version } => {
                if request == self.candidates[candidate].request {
                    self.answered(candidate, refused, version);
                    self.step(candidate);
                }
            }
        }
    }

    /// What an API server does: optimistic concurrency, and nothing about time.
    fn serve(&mut self, write: Option<Write>) -> (bool, Option<(u64, Option<String>)>) {
        let Some(write) = write else {
            return (false, self.lease.clone());
        };
        if write.version != self.lease.as_ref().map(|(version, _)| *version) {
            return (true, None);
        }
        self.version += 1;
        self.lease = Some((self.version, write.holder));
        (false, self.lease.clone())
    }

    fn answered(&mut self, n: usize, refused: bool, version: Option<(u64, Option<String>)>) {
        let now = self.local(n);
        let c = &mut self.candidates[n];
        let seen = version.map(|(v, holder)| record(&v.to_string(), holder.as_deref()));
        let before = c.view.term();
        match (&c.action, seen) {
            _ if refused => c.view.refused(Refusal::Overtaken, now),
            (Action::Read, seen) => c.view.saw(seen, now),
            (Action::Release { .. }, _) => c.view.released(),
            (_, Some(seen)) => c.view.wrote(seen, c.sent, now),
            (_, None) => unreachable!("writes are answered with a record"),
        }
        self.terms += c.view.term() - before;
    }

    fn step(&mut self, n: usize) {
        self.candidates[n].request += 1;
        let request = self.candidates[n].request;
        let (pauses, crashes) = (self.weather.pauses, self.weather.crashes);
        if self.strikes(pauses) {
            let delay = self.draw(40_000);
            return self.later(delay, Event::Step { candidate: n, request });
        }
        if self.strikes(crashes) {
            return self.restart(n);
        }
        let now = self.local(n);
        let resignations = self.weather.resignations;
        if self.candidates[n].view.certain_until(now).is_some() && self.strikes(resignations) {
            self.candidates[n].resigned = true;
            self.candidates[n].view.release();
        }
        let c = &mut self.candidates[n];
        c.action = plan(&c.view, now);
        c.sent = now;
        let identity = format!("{n}-{}", c.lives);
        let holder = Some(identity.clone());
        let write = match &c.action {
            Action::Done => return self.restart(n),
            Action::Wait(_) if c.resigned => return self.restart(n),
            Action::Wait(until) => {
                let local = u64::try_from(until.duration_since(now).as_millis()).unwrap();
                let delay = local * 1000 / c.speed + 1;
                return self.later(delay, Event::Step { candidate: n, request });
            }
            Action::Read => None,
            Action::Create => Some(Write { version: None, holder }),
            Action::Acquire { version } | Action::Renew { version } => {
                Some(Write { version: version.parse().ok(), holder })
            }
            Action::Release { version } => {
                Some(Write { version: version.parse().ok(), holder: None })
            }
        };
        let patience = self.weather.timing.request_timeout().as_millis();
        self.later(u64::try_from(patience).unwrap(), Event::Timeout { candidate: n, request });
        let (loss, partitions) = (self.weather.loss, self.weather.partitions);
        if self.strikes(partitions) {
            self.candidates[n].cut_off_until = self.now + self.draw(40_000);
        }
        if self.now >= self.candidates[n].cut_off_until && !self.strikes(loss) {
            let delay = self.latency();
            self.later(delay, Event::Arrival { candidate: n, request, identity, write });
        }
    }

    /// What it sent may still arrive; nobody reads the answer.
    fn restart(&mut self, n: usize) {
        let c = &mut self.candidates[n];
        c.lives += 1;
        c.request += 1;
        c.resigned = false;
        c.view = View::new(format!("{n}-{}", c.lives), self.weather.timing);
        let request = c.request;
        let delay = self.draw(20_000);
        self.later(delay, Event::Step { candidate: n, request });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn never_two_writers_and_always_one_in_the_end(weather in weather()) {
        World::new(weather).run()?;
    }
}

#[test]
fn in_fair_weather_the_first_leads_to_the_end() {
    let fair = Weather {
        seed: 7,
        candidates: 4,
        timing: Timing::default(),
        loss: 0,
        slow: 0,
        slowest: 50,
        partitions: 0,
        pauses: 0,
        crashes: 0,
        resignations: 0,
    };
    let mut world = World::new(fair);
    world.run().unwrap();
    assert_eq!(world.terms, 1);
}
