//! Changes at random, of texts and of JSON.

use serde_json::{Map, Value, json};

/// A generator of numbers: the same seed, or the same bytes, the same numbers.
pub(crate) struct Chance {
    state: u64,
    /// Decides before the state does: what a fuzzer that watches coverage wants to try.
    bytes: std::vec::IntoIter<u8>,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { state, bytes: Vec::new().into_iter() }
    }

    /// As `cargo fuzz` leads it; see `fuzz/`.
    #[allow(dead_code)]
    pub(crate) fn led_by(bytes: &[u8]) -> Self {
        Self { bytes: Vec::from(bytes).into_iter(), ..Self::new(0) }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// Less than `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let number = match (self.bytes.next(), end) {
            (None, _) => self.next(),
            (Some(byte), ..=256) => u64::from(byte),
            (Some(high), _) => u64::from(high) << 8 | u64::from(self.bytes.next().unwrap_or(0)),
        };
        usize::try_from(number).unwrap_or(usize::MAX) % end
    }

    pub(crate) fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// One of the seeds, changed a few times; `words` are put in between.
pub(crate) fn text(chance: &mut Chance, seeds: &[&str], words: &[&str]) -> Vec<u8> {
    let mut out = chance.pick(seeds).as_bytes().to_vec();
    for _ in 0..chance.below(8) {
        let at = chance.below(out.len() + 1);
        let end = at + chance.below(out.len() - at + 1).min(40);
        match chance.below(7) {
            0 if at < out.len() => out[at] = chance.below(256) as u8,
            1 => drop(out.drain(at..end)),
            2 => {
                let part = out[at..end].to_vec();
                out.splice(at..at, part);
            }
            3 => {
                let other = chance.pick(seeds).as_bytes();
                out.truncate(at);
                out.extend_from_slice(&other[chance.below(other.len() + 1)..]);
            }
            // Much of the same: depth and length.
            4 if chance.one_in(4) => {
                let word = chance.pick(words).repeat(1 + chance.below(3000));
                out.splice(at..at, word.into_bytes());
            }
            _ => {
                let word = chance.pick(words).as_bytes().to_vec();
                out.splice(at..at, word);
            }
        }
    }
    out
}

/// One of the seeds, with some places changed for `values` and named with `names`.
pub(crate) fn value(
    chance: &mut Chance,
    seeds: &[Value],
    values: &[Value],
    names: &[&str],
) -> Value {
    let mut out = chance.pick(seeds).clone();
    for _ in 0..chance.below(6) {
        change(chance, &mut out, values, names, seeds);
    }
    out
}

fn change(
    chance: &mut Chance,
    place: &mut Value,
    values: &[Value],
    names: &[&str],
    seeds: &[Value],
) {
    // Down, most of the time.
    if !chance.one_in(5) {
        let below: Option<&mut Value> = match place {
            Value::Object(map) if !map.is_empty() => {
                let at = chance.below(map.len());
                map.values_mut().nth(at)
            }
            Value::Array(list) if !list.is_empty() => {
                let at = chance.below(list.len());
                list.get_mut(at)
            }
            _ => None,
        };
        if let Some(below) = below {
            return change(chance, below, values, names, seeds);
        }
    }
    match (chance.below(8), &mut *place) {
        (0, Value::Object(map)) => {
            if let Some(name) = map.keys().nth(chance.below(map.len().max(1))).cloned() {
                map.remove(&name);
            }
        }
        (1 | 2, Value::Object(map)) => {
            let value = piece(chance, values, seeds);
            map.insert((*chance.pick(names)).to_owned(), value);
        }
        (0, Value::Array(list)) if !list.is_empty() => drop(list.remove(chance.below(list.len()))),
        (1 | 2, Value::Array(list)) => {
            let value = match list.first() {
                Some(first) if chance.one_in(2) => first.clone(),
                _ => piece(chance, values, seeds),
            };
            list.insert(chance.below(list.len() + 1), value);
        }
        (3, _) => {
            // Deep.
            let most = if chance.one_in(10) { 300 } else { 4 };
            for _ in 0..=chance.below(most) {
                let name = (*chance.pick(names)).to_owned();
                let inner = place.take();
                *place = match chance.below(2) {
                    0 => json!([inner]),
                    _ => Value::Object(Map::from_iter([(name, inner)])),
                };
            }
        }
        _ => *place = piece(chance, values, seeds),
    }
}

/// A value of the dictionary, or a part of some seed.
fn piece(chance: &mut Chance, values: &[Value], seeds: &[Value]) -> Value {
    if chance.one_in(2) {
        return chance.pick(values).clone();
    }
    let mut at = chance.pick(seeds);
    while !chance.one_in(3) {
        let next = match at {
            Value::Object(map) if !map.is_empty() => map.values().nth(chance.below(map.len())),
            Value::Array(list) if !list.is_empty() => list.get(chance.below(list.len())),
            _ => None,
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    at.clone()
}
